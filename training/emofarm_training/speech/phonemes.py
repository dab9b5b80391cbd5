"""Phoneme names of eSpeak NG (IPA) and Flite (ARPAbet-like) to one small set of classes."""

from __future__ import annotations

import unicodedata

CLASSES = (
    "sil", "p", "f", "th", "t", "k", "s", "sh", "r", "l", "h",
    "a", "ae", "e", "i", "schwa", "o", "u", "y", "w", "j",
)  # fmt: skip
"""Class names; the class id of the data set is the index. ``p`` stands for p b m, ``t`` for t d n and so on;
``y`` is the front rounded vowel."""
CLASS_ID = {name: i for i, name in enumerate(CLASSES)}
VOWELS = frozenset({"a", "ae", "e", "i", "schwa", "o", "u", "y"})
_CLOSURE_S = 0.045
"""Given back to a voiceless stop of eSpeak. Measured on bursts, lips then close 20 to 40 ms later than the
sound says, which is less than one frame at 25 fps; Flite's times are right to 10 ms."""

_IPA = {
    "p": "pbmɱ", "f": "fvⱱ", "th": "θð", "t": "tdnɗʈɖɳɾ", "k": "kɡgŋqɢɣxχɴʔcɟɲ", "s": "szɬ", "sh": "ʃʒɕʑʂʐç",
    "r": "rɹʁɻʀɽ", "l": "lʎɫɭʟ", "h": "hɦħ", "w": "wɥβʍʋ", "j": "jʝ",
    "a": "aɑɐɒ", "ae": "æ", "e": "eɛ", "i": "iɪɨ", "schwa": "əɜɘʌɤɞɝɚ", "o": "oɔɵ", "u": "uʊɯʉ", "y": "yʏøœɶ",
}  # fmt: skip
_OF_IPA = {char: name for name, chars in _IPA.items() for char in chars}

_OF_ARPA = {
    "pau": "sil", "h#": "sil", "brth": "sil", "ssil": "sil",
    "p": "p", "b": "p", "m": "p", "em": "p", "f": "f", "v": "f", "th": "th", "dh": "th",
    "t": "t", "d": "t", "n": "t", "dx": "t", "en": "t", "nx": "t", "k": "k", "g": "k", "ng": "k",
    "s": "s", "z": "s", "sh": "sh", "zh": "sh", "ch": "sh", "jh": "sh", "r": "r", "l": "l", "el": "l",
    "hh": "h", "hv": "h", "w": "w", "y": "j",
    "aa": "a", "ae": "ae", "ah": "schwa", "ao": "o", "ax": "schwa", "axr": "schwa", "er": "schwa", "eh": "e",
    "ih": "i", "iy": "i", "uh": "u", "uw": "u",
    "aw": "a u", "ay": "a i", "ey": "e i", "ow": "o u", "oy": "o i",
}  # fmt: skip
_VOICELESS_STOPS = ("p", "t", "k")

Phoneme = tuple[str, float, float]
"""Name, start and end in seconds."""


def from_espeak(raw: list[Phoneme]) -> list[Phoneme]:
    """Classes with times. eSpeak starts a voiceless stop at its burst; the closure before it is given back."""
    timed = [[name, start, end] for name, start, end in raw]
    for i in range(1, len(timed)):
        name, before = timed[i][0], timed[i - 1]
        if name[:1] in _VOICELESS_STOPS and before[0].strip("_:") and timed[i][1] == before[2]:
            start = max(timed[i][1] - _CLOSURE_S, 0.5 * (before[1] + before[2]))
            before[2] = timed[i][1] = start
    return [part for name, start, end in timed for part in _spread(_ipa_classes(name), start, end)]


def from_flite(raw: list[Phoneme]) -> list[Phoneme]:
    """Classes with times; diphthongs become two halves."""
    return [part for name, start, end in raw for part in _spread(_OF_ARPA[name].split(), start, end)]


def _ipa_classes(name: str) -> list[str]:
    """``tʃ`` is one class, ``aɪ`` two, an unknown sign none; an empty name is silence."""
    plain = unicodedata.normalize("NFD", name)
    classes = [_OF_IPA[c] for c in plain if c in _OF_IPA]
    if not classes:
        return ["sil"]
    if len(classes) == 2 and classes[0] == "t" and classes[1] in ("sh", "s"):
        return classes[1:]
    return [c for i, c in enumerate(classes) if i == 0 or c != classes[i - 1]]


def _spread(classes: list[str], start: float, end: float) -> list[Phoneme]:
    step = (end - start) / len(classes)
    return [(c, start + i * step, start + (i + 1) * step) for i, c in enumerate(classes)]
