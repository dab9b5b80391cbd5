"""What stays the same over a whole film: the person, the clothes, the room, the hand that drew it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import palette
from .palette import Rgb

STYLES = ("flat", "outlined", "shaded")
HAIR_CUTS = ("short", "crop", "quiff", "bob", "long", "curtains", "bun", "ponytail", "curly", "bald", "beanie", "spiky")
EYE_SHAPES = ("round", "almond", "dot")
NOSES = ("button", "line", "wedge", "dots")
GLASSES = ("none", "round", "square", "cat")
CLOTHES = ("tee", "vneck", "collar", "hoodie", "stripes")
BACKGROUNDS = ("plain", "gradient", "halo", "dots", "stripes", "hills", "panel")


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
        cloth, cloth2 = palette.choose(rng, palette.CLOTHES), palette.choose(rng, palette.CLOTHES)
        b = u(0.268, 0.294)
        return cls(
            style=str(rng.choice(STYLES)), cx=0.5 + u(-0.015, 0.015), cy=0.475 + u(-0.015, 0.015),
            a=b * u(0.84, 0.97), b=b, jaw=u(0, 1), chin=u(0, 1), skin=skin,
            blush=u(0.1, 0.55), freckles=bool(u() < 0.15), ear=u(0.05, 0.066), earrings=bool(u() < 0.15),
            cut=str(rng.choice(HAIR_CUTS)), hair=_hair(rng, skin), part=u(-0.5, 0.5), hair_volume=u(0, 1),
            accent=palette.choose(rng, palette.CLOTHES),
            eye_shape=str(rng.choice(EYE_SHAPES, p=(0.5, 0.4, 0.1))), eye_size=u(0.85, 1.15), eye_gap=u(0.40, 0.47),
            eye_y=u(-0.12, -0.03), iris=palette.choose(rng, palette.IRISES), lashes=bool(u() < 0.45),
            brow_thickness=u(0.010, 0.019), brow_tilt=u(-0.15, 0.2), brow_arch=u(0.2, 1.0),
            nose=str(rng.choice(NOSES)), nose_size=u(0.85, 1.2), mouth_y=u(0.44, 0.50), mouth_width=u(0.236, 0.262),
            lip_fullness=u(0.55, 1.1), smile=u(0.2, 1.0), lip=_lip(rng, skin), interior=_interior(rng),
            glasses=str(rng.choice(GLASSES[1:])) if u() < 0.3 else "none", frame=palette.choose(rng, palette.FRAMES, 5.0),
            clothes=str(rng.choice(CLOTHES)), cloth=cloth, cloth2=cloth2, shoulder=u(0.33, 0.42),
            background=str(rng.choice(BACKGROUNDS)), back1=palette.choose(rng, palette.BACKGROUNDS),
            back2=palette.choose(rng, palette.BACKGROUNDS), back_phase=u(0, 1),
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
    rose = (214, 92, 100) if rng.uniform() < 0.6 else (196, 104, 98)
    return palette.vary(rng, palette.mix(skin, rose, rng.uniform(0.5, 0.8)), 4.0)


def _interior(rng: np.random.Generator) -> Rgb:
    """The reference interior with a deviation of at most 5 units a channel."""
    c = np.asarray(palette.MOUTH_INTERIOR) + rng.integers(-5, 6, 3)
    return tuple(int(v) for v in c)  # type: ignore[return-value]
