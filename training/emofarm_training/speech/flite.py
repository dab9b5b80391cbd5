"""Flite through its command: speech with the end time of every phoneme (`-psdur`)."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from .espeak import RawSpeech

PITCH_HZ = {"kal": 105.0, "kal16": 105.0, "awb": 120.0, "rms": 95.0, "slt": 180.0}
"""Voices, and about the pitch that each speaks at by itself."""


def speak(text: str, voice: str, *, stretch: float = 1.0, pitch_hz: float | None = None) -> RawSpeech:
    """``stretch`` above 1 speaks slower; ``pitch_hz`` moves the mean fundamental where the voice allows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}"]
        if pitch_hz is not None:
            command += ["--setf", f"int_f0_target_mean={pitch_hz:.1f}"]
        command += ["-t", text + " ", "-o", str(path), "-psdur"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rate, samples = wavfile.read(path)
    phonemes, start = [], 0.0
    for word in done.stdout.split():
        name, mark = word.rsplit(":", 1)
        end = min(float(mark), len(samples) / rate)  # the last pause is announced longer than it is
        if end > start:
            phonemes.append((name, start, end))
        start = end
    return RawSpeech(np.asarray(samples, np.float32) / 32768.0, int(rate), phonemes)
