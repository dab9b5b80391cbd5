"""Colours. One rule holds everywhere: only the inside of a mouth is dark wine red."""

from __future__ import annotations

import numpy as np
import skia

Rgb = tuple[int, int, int]

MOUTH_INTERIOR: Rgb = (70, 15, 25)
"""Reference colour of the mouth interior; each identity varies it by a few units."""
MOUTH_CLEARANCE = 58.0
"""Least Euclidean RGB distance that any other drawn colour keeps from :data:`MOUTH_INTERIOR`."""

SKINS: tuple[Rgb, ...] = (
    (255, 224, 204), (250, 210, 182), (243, 196, 160), (232, 180, 140), (214, 158, 116),
    (191, 134, 94), (163, 110, 76), (136, 90, 66), (118, 80, 62),
)  # fmt: skip
HAIRS: tuple[Rgb, ...] = (
    (36, 38, 52), (52, 50, 60), (84, 62, 48), (112, 76, 48), (148, 98, 54), (192, 142, 74),
    (232, 196, 118), (246, 224, 168), (176, 84, 44), (212, 108, 52), (150, 150, 158), (224, 224, 228),
    (66, 92, 150), (226, 130, 160), (76, 138, 128),
)  # fmt: skip
IRISES: tuple[Rgb, ...] = (
    (82, 60, 42), (110, 78, 48), (58, 108, 168), (86, 146, 190), (74, 132, 92), (120, 136, 84), (100, 110, 128),
)  # fmt: skip
CLOTHES: tuple[Rgb, ...] = (
    (58, 84, 132), (196, 82, 78), (236, 188, 84), (86, 140, 118), (120, 98, 160), (240, 236, 228),
    (70, 78, 92), (226, 138, 98), (132, 182, 208), (168, 196, 134), (208, 148, 172), (44, 104, 112),
)  # fmt: skip
BACKGROUNDS: tuple[Rgb, ...] = (
    (214, 228, 238), (240, 226, 204), (220, 236, 218), (238, 216, 222), (226, 220, 240), (190, 212, 214),
    (250, 240, 214), (148, 178, 198), (176, 196, 160), (222, 186, 160), (110, 134, 160), (92, 112, 116),
    (180, 166, 198), (232, 202, 128), (200, 204, 208),
)  # fmt: skip
FRAMES: tuple[Rgb, ...] = ((40, 42, 54), (92, 70, 52), (176, 60, 66), (60, 92, 140), (190, 160, 96))


def clear_of_mouth(colour: Rgb) -> Rgb:
    """Moves ``colour`` straight away from the mouth interior until it keeps :data:`MOUTH_CLEARANCE`."""
    c, m = np.asarray(colour, float), np.asarray(MOUTH_INTERIOR, float)
    away = c - m
    distance = float(np.linalg.norm(away))
    if distance >= MOUTH_CLEARANCE:
        return colour
    direction = away / distance if distance > 1.0 else np.array([0.0, 0.5, 0.87])
    for reach in np.arange(MOUTH_CLEARANCE, 4 * MOUTH_CLEARANCE, 4.0):
        moved = np.clip(np.round(m + direction * reach), 0, 255)
        if np.linalg.norm(moved - m) >= MOUTH_CLEARANCE:
            break
        direction = direction + np.array([0.0, 0.2, 0.2])
        direction /= np.linalg.norm(direction)
    return tuple(int(v) for v in moved)  # type: ignore[return-value]


def vary(rng: np.random.Generator, colour: Rgb, amount: float = 8.0) -> Rgb:
    """``colour`` with a normal deviate on brightness and a smaller one on each channel."""
    c = np.asarray(colour, float) + rng.normal(0, amount) + rng.normal(0, amount / 3, 3)
    return clear_of_mouth(tuple(int(v) for v in np.clip(np.round(c), 0, 255)))


def choose(rng: np.random.Generator, colours: tuple[Rgb, ...], amount: float = 8.0) -> Rgb:
    """One of ``colours``, varied."""
    return vary(rng, colours[int(rng.integers(len(colours)))], amount)


def mix(a: Rgb, b: Rgb, t: float) -> Rgb:
    """Linear blend from ``a`` (t = 0) to ``b`` (t = 1), kept clear of the mouth colour."""
    return clear_of_mouth(tuple(round(x + (y - x) * t) for x, y in zip(a, b, strict=True)))


def darker(colour: Rgb, t: float = 0.2) -> Rgb:
    """``colour`` mixed with a cool dark; cool, so that shades of red never become mouth red."""
    return mix(colour, (40, 42, 70), t)


def lighter(colour: Rgb, t: float = 0.2) -> Rgb:
    """``colour`` mixed with a warm white."""
    return mix(colour, (255, 252, 244), t)


def argb(colour: Rgb, alpha: float = 1.0) -> int:
    """The colour as Skia wants it."""
    return skia.Color(*colour, round(255 * alpha))
