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
    (92, 54, 44), (58, 44, 52), (206, 162, 96), (134, 66, 48), (222, 128, 152), (84, 128, 140),
)  # fmt: skip
IRISES: tuple[Rgb, ...] = (
    (82, 60, 42), (110, 78, 48), (58, 108, 168), (86, 146, 190), (74, 132, 92), (120, 136, 84), (100, 110, 128),
)  # fmt: skip
SCHEMES: tuple[tuple[Rgb, Rgb, Rgb, Rgb, Rgb], ...] = (
    ((246, 222, 196), (240, 170, 130), (52, 92, 120), (244, 206, 120), (226, 106, 88)),
    ((204, 226, 230), (122, 176, 192), (232, 128, 96), (252, 240, 222), (44, 104, 124)),
    ((228, 220, 240), (164, 146, 206), (92, 84, 150), (244, 196, 204), (240, 180, 92)),
    ((216, 232, 210), (128, 176, 140), (240, 196, 104), (74, 116, 96), (222, 104, 84)),
    ((250, 234, 206), (240, 192, 104), (72, 132, 134), (250, 244, 230), (208, 92, 90)),
    ((242, 214, 214), (222, 140, 150), (76, 88, 128), (250, 226, 214), (92, 158, 150)),
    ((62, 84, 116), (104, 146, 176), (240, 176, 104), (250, 236, 214), (222, 98, 96)),
    ((52, 92, 96), (112, 164, 152), (236, 210, 172), (208, 108, 84), (244, 192, 88)),
    ((92, 82, 124), (170, 138, 180), (240, 200, 190), (112, 172, 178), (246, 196, 110)),
    ((234, 230, 222), (196, 186, 172), (196, 84, 84), (244, 238, 228), (64, 96, 132)),
    ((190, 214, 236), (240, 214, 190), (86, 126, 186), (250, 246, 238), (236, 150, 110)),
    ((240, 200, 160), (206, 116, 92), (96, 126, 100), (248, 228, 190), (66, 92, 110)),
    ((210, 228, 226), (236, 196, 196), (150, 110, 160), (238, 224, 236), (84, 150, 148)),
    ((126, 150, 134), (196, 208, 170), (232, 224, 204), (92, 76, 96), (220, 126, 90)),
)  # fmt: skip
"""Colours that go together: two of the background, cloth, its trim, and what is small and bright."""
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
