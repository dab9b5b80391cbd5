"""Head motion, blinks, and the opening measured from pixels."""

import numpy as np
import pytest
from emofarm_training.clips import blinks, head_path, talking_clip, velocity_of
from emofarm_training.measure import background_motion, best_lag, correlation, mouth_opening
from emofarm_training.portraits import Identity, Portraitist, Pose, background_mask, mouth_box
from emofarm_training.speech import utter
from emofarm_training.speech.visemes import RATE


@pytest.mark.parametrize("speed", [0.05, 0.4, 0.9, 1.5])
def test_the_head_turns_as_fast_as_asked_and_within_its_limits(speed: float) -> None:
    path = head_path(250, 25, np.random.default_rng(1), speed, np.zeros(250))
    mean = np.linalg.norm(np.diff(path, axis=0), axis=1).mean()
    assert mean == pytest.approx(speed, rel=0.1)
    assert (np.abs(path).max(axis=0) <= (18.0, 10.0, 8.0)).all()


def test_velocity_of_an_even_turn() -> None:
    rotation = np.zeros((30, 3))
    rotation[:, 0] = 0.7 * np.arange(30)
    assert velocity_of(rotation) == pytest.approx(np.full(30, 0.7), abs=1e-5)


def test_blinks_are_short_and_regular() -> None:
    lids = blinks(1500, 25, np.random.default_rng(2))
    shut = np.flatnonzero(np.diff((lids > 0).astype(int)) == 1)
    assert 12 <= len(shut) <= 31  # a minute, one every 2 to 5 seconds
    assert lids.max() == 1.0 and (lids > 0).sum() / len(shut) <= 7.5


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
