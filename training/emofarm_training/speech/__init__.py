"""Synthetic speech with known phoneme times, and the mouth shapes that belong to it."""

from .phonemes import CLASSES
from .utterance import SAMPLE_RATE, Utterance, hush, recite, utter
from .voices import Voice, sample_voice

__all__ = ["CLASSES", "SAMPLE_RATE", "Utterance", "Voice", "hush", "recite", "sample_voice", "utter"]
