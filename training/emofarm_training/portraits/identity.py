"""What stays the same over a whole film: the person, the clothes, the room, the hand that drew it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import palette
from .palette import Rgb

STYLES = ("flat", "ink", "shaded")
HAIR_CUTS = ("short", "crop", "quiff", "bob", "long", "curtains", "bun", "ponytail", "curly", "bald", "beanie", "spiky")
EYE_SHAPES = ("round", "almond", "dot")
NOSES = ("button", "line", "wedge", "dots")
GLASSES = ("none", "round", "square", "cat")
CLOTHES = ("tee", "vneck", "collar", "hoodie", "stripes")
BACKGROUNDS = ("plain", "gradient", "halo", "disc", "arch", "dots", "hills", "window")


@dataclass(frozen=True)
class Identity:
    """All lengths are in units of the picture's edge, all colours RGB 0..255."""

    style: str
    # head: centre, half width, half height, jaw (0 pointed .. 1 square)
    cx: float
    cy: float
    a: float
    b: float
    jaw: float
    chin: float
    skin: Rgb
    blush: float
    freckles: bool
    ear: float
    earrings: bool
    # hair
    cut: str
    hair: Rgb
    part: float
    hair_volume: float
    accent: Rgb
    # eyes and brows: spacing as a fraction of a, height as a fraction of b
    eye_shape: str
    eye_size: float
    eye_gap: float
    eye_y: float
    iris: Rgb
    lashes: bool
    brow_thickness: float
    brow_tilt: float
    brow_arch: float
    # nose, mouth
    nose: str
    nose_size: float
    mouth_y: float
    mouth_width: float
    lip_fullness: float
    smile: float
    lip: Rgb
    interior: Rgb
    glasses: str
    frame: Rgb
    # body and room
    clothes: str
    cloth: Rgb
    cloth2: Rgb
    shoulder: float
    background: str
    back1: Rgb
    back2: Rgb
    back_phase: float = field(default=0.0)

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Identity:
        """Draws a person. The same state of ``rng`` gives the same person."""
        u = rng.uniform
        skin = palette.choose(rng, palette.SKINS, 5.0)
        scheme = palette.SCHEMES[int(rng.integers(len(palette.SCHEMES)))]
        back1, back2, cloth, cloth2, accent = (palette.vary(rng, colour, 5.0) for colour in scheme)
        b = u(0.284, 0.304)
        return cls(
            style=str(rng.choice(STYLES)), cx=0.5 + u(-0.015, 0.015), cy=0.480 + u(-0.012, 0.012),
            a=b * u(0.82, 0.92), b=b, jaw=u(0, 1), chin=u(0, 1), skin=skin,
            blush=u(0.25, 0.6), freckles=bool(u() < 0.15), ear=u(0.05, 0.064), earrings=bool(u() < 0.18),
            cut=str(rng.choice(HAIR_CUTS)), hair=_hair(rng, skin), part=u(-0.5, 0.5), hair_volume=u(0, 1),
            accent=accent,
            eye_shape=str(rng.choice(EYE_SHAPES, p=(0.5, 0.32, 0.18))), eye_size=u(1.10, 1.30), eye_gap=u(0.445, 0.485),
            eye_y=u(0.0, 0.07), iris=palette.choose(rng, palette.IRISES), lashes=bool(u() < 0.45),
            brow_thickness=u(0.009, 0.017), brow_tilt=u(-0.15, 0.2), brow_arch=u(0.2, 1.0),
            nose=str(rng.choice(NOSES)), nose_size=u(0.85, 1.2), mouth_y=u(0.545, 0.585), mouth_width=u(0.210, 0.236),
            lip_fullness=u(0.6, 1.1), smile=u(0.5, 1.0), lip=_lip(rng, skin), interior=_interior(rng),
            glasses=str(rng.choice(GLASSES[1:])) if u() < 0.24 else "none", frame=palette.choose(rng, palette.FRAMES, 5.0),
            clothes=str(rng.choice(CLOTHES)), cloth=cloth, cloth2=cloth2, shoulder=u(0.36, 0.44),
            background=str(rng.choice(BACKGROUNDS)), back1=back1, back2=back2, back_phase=u(0, 1),
        )  # fmt: skip


def _hair(rng: np.random.Generator, skin: Rgb) -> Rgb:
    """A hair colour that stands out from the skin."""
    for _ in range(20):
        hair = palette.choose(rng, palette.HAIRS)
        if np.abs(np.subtract(hair, skin)).sum() > 110:
            return hair
    return (36, 38, 52)


def _lip(rng: np.random.Generator, skin: Rgb) -> Rgb:
    """Skin turned towards rose; never as dark as the interior."""
    rose = (222, 92, 104) if rng.uniform() < 0.6 else (204, 104, 98)
    return palette.vary(rng, palette.mix(skin, rose, rng.uniform(0.45, 0.8)), 4.0)


def _interior(rng: np.random.Generator) -> Rgb:
    """The reference interior with a deviation of at most 5 units a channel."""
    c = np.asarray(palette.MOUTH_INTERIOR) + rng.integers(-5, 6, 3)
    return tuple(int(v) for v in c)  # type: ignore[return-value]
