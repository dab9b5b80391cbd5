"""Clips, and the opening measured from pixels."""

import numpy as np
import pytest
from emofarm_training.clips import talking_clip
from emofarm_training.measure import background_motion, best_lag, correlation, mouth_opening
from emofarm_training.path import PathConfig
from emofarm_training.portraits import Identity, Portraitist, Pose, background_mask, mouth_box
from emofarm_training.speech import utter
from emofarm_training.speech.visemes import RATE


def test_a_clip_moves_as_its_noise_says() -> None:
    rng = np.random.default_rng(4)
    config = PathConfig()
    clip = talking_clip(Identity.sample(rng), utter(rng, "train", 3.0), 25, rng, 0.8)
    turn = np.array([(p.yaw, p.pitch, p.roll) for p in clip.poses])
    assert clip.path[:, :3] * config.degrees == pytest.approx(turn, abs=1e-4)
    assert clip.path[:, 3] / config.lids == pytest.approx(np.array([p.blink for p in clip.poses]), abs=1e-5)
    assert (clip.velocity == np.float32(0.8)).all()


def test_frame_i_shows_time_i_over_fps() -> None:
    rng = np.random.default_rng(4)
    utterance = utter(rng, "train", 2.0)
    clip = talking_clip(Identity.sample(rng), utterance, 25, rng, 0.3)
    curve = utterance.mouth()[:, 0]
    for i in (0, 7, 20, 40):
        assert clip.poses[i].open == pytest.approx(curve[i * RATE // 25], abs=1e-6)


def test_measured_opening_follows_the_truth() -> None:
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        identity = Identity.sample(rng)
        clip = talking_clip(identity, utter(rng, "train", 3.0), 25, rng, 0.6)
        artist = Portraitist(identity, 128)
        frames = np.stack([artist.draw(p) for p in clip.poses])
        measured = mouth_opening(frames, mouth_box(identity))
        found.append(correlation(measured, clip.mouth_open))
        assert best_lag(measured, clip.mouth_open)[0] == 0
        late = np.concatenate([np.repeat(measured[:1], 3), measured[:-3]])
        assert best_lag(late, clip.mouth_open)[0] == 3
    assert np.median(found) > 0.97
    assert min(found) > 0.92


def test_a_closed_mouth_measures_nothing() -> None:
    identity = Identity.sample(np.random.default_rng(9))
    frames = Portraitist(identity, 128).draw(Pose(yaw=9.0))[None]
    assert mouth_opening(frames, mouth_box(identity))[0] * 128 * 128 < 2.0


def test_background_motion_sees_a_flicker_of_one_step() -> None:
    identity = Identity.sample(np.random.default_rng(9))
    still = np.repeat(Portraitist(identity, 64).draw(Pose())[None], 6, 0)
    mask = background_mask(identity, 64)
    assert background_motion(still, mask, still[0]) == {"frame_to_frame": 0.0, "worst_pixel": 0.0, "against_portrait": 0.0}
    flicker = np.clip(still.astype(int), 0, 254)
    flicker[1::2] += 1
    found = background_motion(flicker.astype(np.uint8), mask)
    assert found["frame_to_frame"] == pytest.approx(1.0)
