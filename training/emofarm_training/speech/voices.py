"""Who speaks. Voices and speaking rates of the test split never occur in training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SPLITS = ("train", "test")
_VARIANTS = {
    "train": (
        "f1", "f2", "f4", "m1", "m2", "m4", "m5", "m6", "m8", "klatt2", "klatt4", "Alex", "Andrea", "Annie", "Andy",
        "Denis", "Diogo", "Gene", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "adam", "antonio", "belinda",
        "benjamin", "caleb", "david", "ed", "edward", "gustave", "iven", "john", "linda", "max", "michel", "miguel",
        "pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph", "travis", "victor", "",
        "Gene2", "Nguyen", "RicishayMax", "RicishayMax2", "RicishayMax3", "anika", "announcer", "aunty", "croak", "edward2", "grandma", "grandpa", "iven2",
        "iven3", "kaukovalta", "klatt3", "klatt5", "klatt6", "norbert", "steph2",
    ),
    "test": ("f3", "f5", "m3", "m7", "Alicia", "Henrique", "Mike", "boris", "marcelo", "steph3", "zac", "klatt"),
}  # fmt: skip
_TRACT = {"train": (0.78, 1.3), "test": (0.86, 1.16)}
"""Wider in training: of Flite's voices only men are trained on, and people's throats differ more than a synthesizer's."""
_FLITE = {"train": ("awb", "rms", "kal16", "kal"), "test": ("slt",)}
_LANGUAGES = {"en": ("en-us", "en", "en-gb-x-rp", "en-gb-scotland"), "de": ("de",), "fr": ("fr",), "es": ("es", "es-419"), "it": ("it",), "pt": ("pt-br", "pt"), "nl": ("nl",)}


@dataclass(frozen=True)
class Voice:
    """One speaker with settings; ``engine`` is ``espeak`` or ``flite``."""

    engine: str
    name: str
    language: str
    rate: int
    """Words a minute (eSpeak); Flite's stretch is 165 / rate."""
    pitch: int
    range: int
    tract: float
    """Vocal tract factor: the sound is played this much faster and lower rates make up for the time."""


def sample_voice(rng: np.random.Generator, split: str) -> Voice:
    """Draws a speaker: six in ten English, four in ten from Flite."""
    rate = _rate(rng, split)
    tract = float(rng.uniform(*_TRACT[split]))
    if rng.uniform() < 0.4:
        name = str(rng.choice(_FLITE[split]))
        return Voice("flite", name, "en", rate, int(rng.integers(0, 101)), 50, tract)
    language = str(rng.choice(list(_LANGUAGES), p=(0.4, 0.14, 0.12, 0.12, 0.1, 0.06, 0.06)))
    name = str(rng.choice(_LANGUAGES[language]))
    variant = str(rng.choice(_VARIANTS[split]))
    voice = f"{name}+{variant}" if variant else name
    return Voice("espeak", voice, language, rate, int(rng.integers(10, 91)), int(rng.integers(20, 91)), tract)


def _rate(rng: np.random.Generator, split: str) -> int:
    """Train: 95..149 and 160..230 words a minute; test: 150..159."""
    if split == "test":
        return int(rng.integers(150, 160))
    return int(rng.integers(95, 150) if rng.uniform() < 0.5 else rng.integers(160, 231))
