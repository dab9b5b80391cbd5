"""Synthetic speech: times, splits, mouth shapes, augmentation."""

import numpy as np
import pytest
from emofarm_training.speech import CLASSES, SAMPLE_RATE, Voice, hush, recite, utter
from emofarm_training.speech.augment import augment, reverberate
from emofarm_training.speech.phonemes import from_espeak, from_flite
from emofarm_training.speech.sentences import vocabulary
from emofarm_training.speech.visemes import CHANNELS, RATE, VISEMES, classes_at, curves
from emofarm_training.speech.voices import sample_voice
from emofarm_training.speech.words import BY_LANGUAGE, CONTENT

ESPEAK = Voice("espeak", "en-us+f3", "en", 150, 50, 50, 1.0)
FLITE = Voice("flite", "slt", "en", 150, 50, 50, 1.0)
TEXT = ["Mama moved the paper map, and my father watched."]


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt((samples.astype(float) ** 2).mean()))


@pytest.mark.parametrize("voice", [ESPEAK, FLITE])
def test_vowels_sound_and_silences_do_not(voice: Voice) -> None:
    spoken = recite(TEXT, voice, np.random.default_rng(1))
    loud, quiet = [], []
    for name, start, end in spoken.phonemes:
        part = spoken.samples[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
        if name in ("a", "ae", "o", "e"):
            loud.append(rms(part))
        elif name == "sil" and end - start > 0.1:
            quiet.append(rms(part[len(part) // 4 : 3 * len(part) // 4]))
    assert len(loud) >= 3 and len(quiet) >= 2
    assert min(loud) > 5 * max(quiet)


@pytest.mark.parametrize("voice", [ESPEAK, FLITE])
def test_lips_meet_for_m_and_open_for_vowels(voice: Voice) -> None:
    spoken = recite(TEXT, voice, np.random.default_rng(1))
    opening = spoken.mouth()[:, 0]
    lips = [opening[int(0.5 * (s + e) * RATE)] for n, s, e in spoken.phonemes if n == "p"]
    wide = [opening[int(0.5 * (s + e) * RATE)] for n, s, e in spoken.phonemes if n in ("a", "ae")]
    assert len(lips) >= 5 and max(lips) < 0.2
    assert min(wide) > 0.35


@pytest.mark.parametrize("voice", [ESPEAK, FLITE])
def test_phonemes_follow_each_other_without_overlap(voice: Voice) -> None:
    spoken = recite(TEXT, voice, np.random.default_rng(1))
    ends = [e for _, _, e in spoken.phonemes]
    starts = [s for _, s, _ in spoken.phonemes]
    assert all(e > s for s, e in zip(starts, ends, strict=True))
    assert all(s >= e - 1e-6 for e, s in zip(ends, starts[1:], strict=False))
    assert ends[-1] == pytest.approx(spoken.duration, abs=0.01)


def test_the_mouth_is_shut_in_silence() -> None:
    shape = curves([("sil", 0.0, 0.5), ("a", 0.5, 0.8), ("sil", 0.8, 1.5)], 1.5)
    assert shape[: int(0.4 * RATE), 0].max() < 0.02
    assert shape[int(1.0 * RATE) :, 0].max() < 0.02
    assert shape[int(0.65 * RATE), 0] > 0.9


def test_curves_change_smoothly() -> None:
    spoken = recite(TEXT, ESPEAK, np.random.default_rng(1))
    per_frame = np.abs(spoken.mouth()[8:] - spoken.mouth()[:-8])[:, 0].max()
    assert np.abs(np.diff(spoken.mouth()[:, 0])).max() < 0.35 * per_frame


def test_every_class_has_a_shape_within_bounds() -> None:
    assert set(VISEMES) == set(CLASSES)
    for viseme in VISEMES.values():
        assert len(viseme.target()) == len(CHANNELS)
        assert -1 <= viseme.wide <= 1 and all(0 <= v <= 1 for v in (viseme.open, viseme.round, viseme.teeth, viseme.tongue))


def test_espeak_names_become_classes() -> None:
    raw = [("h", 0.0, 0.1), ("aɪ", 0.1, 0.3), ("p", 0.3, 0.35), ("tʃ", 0.35, 0.4), ("ɑ̃", 0.4, 0.5), ("", 0.5, 0.6)]
    found = from_espeak(raw)
    assert [n for n, _, _ in found] == ["h", "a", "i", "p", "sh", "a", "sil"]
    assert found[3][1] < 0.3, "the closure of a voiceless stop begins before its burst"


def test_flite_diphthongs_are_halved() -> None:
    assert from_flite([("ay", 1.0, 1.2)]) == [("a", 1.0, 1.1), ("i", 1.1, 1.2)]


def test_classes_at_times() -> None:
    ids = classes_at([("sil", 0.0, 0.1), ("a", 0.1, 0.2)], np.array([0.05, 0.1, 0.19, 0.25]))
    assert [CLASSES[i] for i in ids] == ["sil", "a", "a", "sil"]


def test_splits_share_no_voice_rate_or_content_word() -> None:
    voices = {s: [sample_voice(np.random.default_rng(i), s) for i in range(300)] for s in ("train", "test")}
    speaker = {s: {(v.engine, v.name.split("+")[-1] if "+" in v.name else v.name) for v in vs} for s, vs in voices.items()}
    assert not speaker["train"] & speaker["test"]
    assert not {v.rate for v in voices["train"]} & {v.rate for v in voices["test"]}
    for words in BY_LANGUAGE.values():
        for role in CONTENT:
            train, test = (set(vocabulary(words[role], role, s)) for s in ("train", "test"))
            assert train and test and not train & test


def test_reverberation_does_not_shift_time() -> None:
    click = np.zeros(8000)
    click[1000] = 1.0
    for seed in range(5):
        assert int(np.abs(reverberate(click, np.random.default_rng(seed), SAMPLE_RATE)).argmax()) == 1000


def test_augmentation_keeps_length_and_alignment() -> None:
    clean = recite(TEXT, ESPEAK, np.random.default_rng(1)).clean
    for seed in range(8):
        rough = augment(clean, np.random.default_rng(seed))
        assert rough.shape == clean.shape and rough.dtype == np.float32
        lags = range(-40, 41, 4)
        match = [float(np.dot(clean[100:-100], np.roll(rough, -lag)[100:-100])) for lag in lags]
        assert abs(list(lags)[int(np.argmax(match))]) <= 4


def test_utterances_come_from_the_seed_alone() -> None:
    one, two = utter(np.random.default_rng(3), "train", 2.0), utter(np.random.default_rng(3), "train", 2.0)
    assert one.text == two.text and one.phonemes == two.phonemes
    assert np.array_equal(one.samples, two.samples)


def test_hush_never_opens_the_mouth() -> None:
    assert hush(np.random.default_rng(0), 2.0).mouth()[:, 0].max() == 0.0
