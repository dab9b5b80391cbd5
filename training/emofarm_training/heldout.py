"""Portraits and speech that training never saw, with the truth about every frame.

``python -m emofarm_training.heldout --out DIR --count 10 --seconds 8 --size 512 --seed 9001``
writes for each i ``portrait_i.png``, ``speech_i.wav`` (16 kHz mono, 16 bit), ``mask_i.png`` (white where
no pose ever touches the picture) and ``truth_i.json``. With ``--recordings FOLDER`` people speak: short recordings (WAV) in it
are joined, one folder below it a speaker, and the truth tells no mouth.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import wavfile
from scipy.signal import resample_poly

from .clips import brow_of
from .portraits import Identity, Pose, background_mask, draw, face_box, mouth_box, mouth_open
from .portraits.boxes import eye_boxes
from .portraits.mouth import TEETH, TONGUE
from .speech import SAMPLE_RATE, Utterance, recite, sample_voice
from .speech.sentences import sentence
from .speech.utterance import speak
from .speech.visemes import RATE as CURVE_RATE
from .speech.voices import Voice

FPS = 25
SPLIT = "test"


def held_out_identity(seed: int, index: int) -> Identity:
    """A person of the test split."""
    return Identity.sample(np.random.default_rng([seed, 1, index, 2]))


def fitting_utterance(rng: np.random.Generator, voice: Voice, seconds: float) -> Utterance:
    """Whole sentences of the test split, then silence up to exactly ``seconds``."""
    texts: list[str] = []
    room = seconds - 1.3
    for _ in range(24):
        text = sentence(rng, voice.language, SPLIT)
        length = len(speak(text, voice)[0]) / SAMPLE_RATE
        if length < room:
            texts.append(text)
            room -= length + 0.8
    if not texts:
        raise ValueError(f"no sentence fits into {seconds} s; ask for more seconds")
    return padded(recite(texts, voice, rng), seconds)


def padded(utterance: Utterance, seconds: float) -> Utterance:
    """The utterance with silence up to ``seconds``; a longer one is refused."""
    missing = round(seconds * SAMPLE_RATE) - len(utterance.samples)
    if missing < 0:
        raise ValueError(f"the speech lasts {utterance.duration:.2f} s, more than {seconds} s")
    samples = np.pad(utterance.clean, (0, missing))
    return Utterance(samples, samples, utterance.phonemes, utterance.text, utterance.voice)


def truth(identity: Identity, utterance: Utterance, fps: float = FPS) -> dict[str, object]:
    """What the mouth should do: one value for each frame, frame i at time i / fps, head at rest."""
    count = round(utterance.duration * fps)
    curve = utterance.mouth()
    at = np.arange(len(curve)) / CURVE_RATE
    shape = np.stack([np.interp(np.arange(count) / fps, at, curve[:, c]) for c in range(curve.shape[1])], 1)
    area = [mouth_open(identity, Pose(0.0, 0.0, 0.0, *(float(v) for v in row))) for row in shape]
    return {
        "fps": fps,
        "seconds": utterance.duration,
        "voice": utterance.voice.name,
        "text": utterance.text,
        **looks(identity),
        "mouth_open": [round(v, 6) for v in area],
        "aperture": [round(float(v), 5) for v in shape[:, 0]],
        "shape": np.round(shape, 4).tolist(),
        "brow": np.round(brow_of(utterance, np.arange(count) / fps, fps), 4).tolist(),
        "phonemes": [[n, round(s, 4), round(e, 4)] for n, s, e in utterance.phonemes],
    }


def looks(identity: Identity) -> dict[str, object]:
    """Where things are while the head rests, and what an open mouth shows."""
    return {
        "face_box": face_box(identity),
        "mouth_box": mouth_box(identity),
        "eye_boxes": eye_boxes(identity),
        "mouth_colours": [identity.interior, TEETH, TONGUE],
        "style": identity.style,
    }


def joined(files: list[Path], rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Recordings of one speaker in random order with short pauses between, as loud as the synthesizers speak, cut at ``seconds``."""
    wanted, parts = round(seconds * SAMPLE_RATE), [np.zeros(SAMPLE_RATE // 4)]
    for number in rng.permutation(len(files)):
        rate, samples = wavfile.read(files[number])
        if samples.dtype != np.int16 or samples.ndim > 1:
            raise SystemExit(f"{files[number]} is no WAV of 16 bits and one channel; convert it first")
        parts += [resample_poly(samples / 32768.0, SAMPLE_RATE, rate), np.zeros(int(rng.uniform(0.1, 0.5) * SAMPLE_RATE))]
        if sum(len(part) for part in parts) >= wanted:
            speech = np.concatenate(parts)[:wanted]
            return speech * 0.5 / max(float(np.abs(speech).max()), 1e-3)
    raise SystemExit(f"the recordings beside {files[0]} are shorter than {seconds} s together; give more")


def write_wav(path: Path, samples: np.ndarray) -> None:
    """16-bit mono at 16 kHz."""
    wavfile.write(path, SAMPLE_RATE, np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16))


def speakers(folder: Path) -> list[list[Path]]:
    """The WAV files of each folder in ``folder``, those that are not mere syllables."""
    found = [sorted(p for p in speaker.rglob("*.wav") if p.stat().st_size > 16_000) for speaker in sorted(folder.iterdir())]
    if not any(found):
        raise SystemExit(f"{folder} has no folder with recordings (WAV); give one folder a speaker")
    return [files for files in found if files]


def write_case(out: Path, index: int, seed: int, seconds: float, size: int, people: Sequence[list[Path]] = ()) -> None:
    """One portrait, one speech, one mask, one truth; with ``people`` one of them speaks."""
    identity = held_out_identity(seed, index)
    rng = np.random.default_rng([seed, 1, index, 3])
    if people:
        samples = joined(people[index % len(people)], rng, seconds)
        known = {"fps": FPS, "seconds": seconds, **looks(identity)}
    else:
        utterance = fitting_utterance(rng, sample_voice(rng, SPLIT), seconds)
        samples, known = utterance.samples, truth(identity, utterance)
    Image.fromarray(draw(identity, Pose(), size)).save(out / f"portrait_{index}.png")
    Image.fromarray((background_mask(identity, size) * 255).astype(np.uint8)).save(out / f"mask_{index}.png")
    write_wav(out / f"speech_{index}.wav", samples)
    files = {"portrait": f"portrait_{index}.png", "speech": f"speech_{index}.wav", "mask": f"mask_{index}.png"}
    who = {"seed": seed, "index": index}
    (out / f"truth_{index}.json").write_text(json.dumps({**files, **who, **known}))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Writes held-out portraits and speech with their truth.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=9001)
    parser.add_argument("--recordings", type=Path, help="people speak: a folder with a folder of WAV files for each speaker")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    people = speakers(args.recordings) if args.recordings else []
    for index in range(args.count):
        write_case(args.out, index, args.seed, args.seconds, args.size, people)
        print(f"{index + 1}/{args.count}", flush=True)


if __name__ == "__main__":
    main()
