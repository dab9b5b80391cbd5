"""Drawn portraits: what must hold for every person and every pose."""

import numpy as np
import pytest
from emofarm_training.portraits import Identity, Portraitist, Pose, background_mask, draw, face_box, mouth_box, mouth_open
from emofarm_training.portraits.boxes import PITCH_LIMIT, ROLL_LIMIT, YAW_LIMIT
from emofarm_training.portraits.geometry import HeadSpace
from emofarm_training.portraits.palette import MOUTH_CLEARANCE, MOUTH_INTERIOR, clear_of_mouth

SIZE = 128


def person(seed: int) -> Identity:
    return Identity.sample(np.random.default_rng(seed))


def interior_pixels(picture: np.ndarray) -> np.ndarray:
    return np.linalg.norm(picture.astype(float) - MOUTH_INTERIOR, axis=-1) < 20.0


def test_the_same_seed_draws_the_same_person() -> None:
    assert person(5) == person(5)
    assert person(5) != person(6)
    assert np.array_equal(draw(person(5), Pose(), SIZE), draw(person(5), Pose(), SIZE))


@pytest.mark.parametrize("seed", range(40))
def test_interior_colour_is_nowhere_in_a_portrait_at_rest(seed: int) -> None:
    assert not interior_pixels(draw(person(seed), Pose(), SIZE)).any()


@pytest.mark.parametrize("seed", range(12))
def test_interior_appears_inside_the_mouth_box_only(seed: int) -> None:
    identity = person(seed)
    shown = interior_pixels(draw(identity, Pose(open=1.0), SIZE))
    rows, columns = np.nonzero(shown)
    x, y, w, h = (SIZE * v for v in mouth_box(identity))
    assert x <= columns.min() and columns.max() < x + w
    assert y <= rows.min() and rows.max() < y + h
    assert rows.max() - rows.min() + 1 >= 14, "the mouth opens by at least 14 pixels at 128"
    assert columns.max() - columns.min() + 1 >= 24


@pytest.mark.parametrize("seed", range(8))
def test_background_pixels_never_change(seed: int) -> None:
    identity = person(seed)
    artist, mask = Portraitist(identity, SIZE), background_mask(identity, SIZE)
    rest = artist.draw(Pose())
    rng = np.random.default_rng(seed)
    for _ in range(25):
        yaw, pitch, roll = rng.uniform(-1, 1, 3) * (YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT)
        pose = Pose(yaw, pitch, roll, *rng.uniform(0, 1, 7))
        assert np.array_equal(artist.draw(pose)[mask], rest[mask])
    assert 0.25 < mask.mean() < 0.8


def test_true_opening_grows_with_the_aperture_and_is_zero_at_rest() -> None:
    identity = person(1)
    areas = [mouth_open(identity, Pose(open=v)) for v in np.linspace(0, 1, 11)]
    assert areas[0] == pytest.approx(0.0, abs=1e-9)
    assert all(a < b for a, b in zip(areas, areas[1:], strict=False))


def test_true_opening_is_the_drawn_area() -> None:
    identity, size = person(4), 512  # one whose lips have not the colour of the tongue
    pose = Pose(open=0.9, tongue=0.0)
    picture = draw(identity, pose, size).astype(int)
    closed = draw(identity, Pose(), size).astype(int)
    _, _, w, h = face_box(identity)
    # The dark, and the tongue before it: all that the open mouth shows and the closed does not.
    dark = np.linalg.norm(picture - np.array(identity.interior), axis=-1) < 25
    tongue = (np.linalg.norm(picture - np.array((206, 104, 108)), axis=-1) < 8) & (np.abs(picture - closed).sum(-1) > 20)
    drawn = (dark | tongue).sum() / (w * h * size * size)
    assert drawn == pytest.approx(mouth_open(identity, pose), rel=0.12)


def test_rounding_narrows_and_spreading_widens() -> None:
    identity = person(2)
    width = {
        name: np.nonzero(interior_pixels(draw(identity, pose, 256)))[1]
        for name, pose in {"round": Pose(open=0.6, round=1.0), "plain": Pose(open=0.6), "wide": Pose(open=0.6, wide=1.0)}.items()
    }
    spans = {name: columns.max() - columns.min() for name, columns in width.items()}
    assert spans["round"] < 0.8 * spans["plain"] < spans["plain"] < spans["wide"]


def test_the_nose_moves_further_than_the_head() -> None:
    identity = person(4)
    turned, rest = HeadSpace(identity, Pose(yaw=15.0)), HeadSpace(identity, Pose())
    crown = np.array([[0.0, -identity.b, 0.0]])
    crown_shift = abs(float((turned.points(crown) - rest.points(crown))[0, 0]))
    nose_shift = abs(float(turned.affine(0.0, 0.1 * identity.b)[0, 2] - rest.affine(0.0, 0.1 * identity.b)[0, 2]))
    assert nose_shift > crown_shift + 0.03


def test_no_colour_comes_near_the_interior() -> None:
    rng = np.random.default_rng(0)
    for colour in rng.integers(0, 256, (500, 3)):
        moved = clear_of_mouth(tuple(int(v) for v in colour))
        assert np.linalg.norm(np.subtract(moved, MOUTH_INTERIOR)) >= MOUTH_CLEARANCE - 1.0
