"""Sentences put together from word lists: sense does not matter, varied phonemes do."""

from __future__ import annotations

import numpy as np

from .words import BY_LANGUAGE, CONTENT

_PATTERNS = (
    "det noun verb det adj noun",
    "det adj noun verb det noun prep det noun",
    "prep det adj noun , det noun verb det noun",
    "det noun verb , link det adj noun verb det noun",
    "det noun prep det noun verb det noun , link verb det adj noun",
    "adj , adj , link adj noun",
    "det noun verb",
)


def sentence(rng: np.random.Generator, language: str, split: str) -> str:
    """One sentence. Content words of the test split never occur in training."""
    words = BY_LANGUAGE[language]
    out: list[str] = []
    for role in str(rng.choice(_PATTERNS)).split():
        if role == ",":
            out[-1] += ","
        else:
            out.append(str(rng.choice(vocabulary(words[role], role, split))))
    text = " ".join(out)
    return text[0].upper() + text[1:] + "."


def vocabulary(words: list[str], role: str, split: str) -> list[str]:
    """The words of a role that a split may use: content words are shared out 4 : 1, the others are common."""
    unique = list(dict.fromkeys(words))
    if role not in CONTENT:
        return unique
    border = (4 * len(unique)) // 5
    return unique[:border] if split == "train" else unique[border:]
