"""Hair: what hangs behind the head, and the cap that lies over the skull. Both turn with the head."""

from __future__ import annotations

import math

import numpy as np
import skia

from .brush import Brush, ink, smooth
from .face import skin_shade
from .geometry import HeadSpace
from .identity import Identity
from .palette import darker, lighter

LENGTHS = {"bob": 0.55, "long": 1.12, "curtains": 0.85, "ponytail": 0.0, "bun": 0.0}
"""How far the hair behind the head hangs below the face centre, in half head heights."""


def draw_hair_back(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    """Everything behind ears and face."""
    a, b, cut = identity.a, identity.b, identity.cut
    colour = darker(identity.hair, 0.18)
    bulge = 1.12 + 0.12 * identity.hair_volume
    if cut in ("bob", "long", "curtains"):
        low = LENGTHS[cut]
        half = [(0.6, -1.02), (1.0 * bulge, -0.5), (1.1 * bulge, 0.1), (1.08 * bulge, 0.7 * low), (0.85 * bulge, low)]
        brush.fill(smooth(_mirror(space, half, a, b, z=-0.25, top=-1.16, bottom=low * 0.96)), colour)
    elif cut == "bun":
        x, y = space.points(np.array([[0.0, -1.12 * b, -0.2 * a]]))[0]
        r = 0.070 + 0.015 * identity.hair_volume
        brush.fill(skia.Path.Circle(x, y, r), identity.hair)
    elif cut == "ponytail":
        side = 1.0 if identity.part > 0 else -1.0
        tail = np.array([(0.5, -0.8), (1.15, -0.75), (1.42, -0.2), (1.36, 0.45), (1.12, 0.72), (1.08, 0.1), (0.8, -0.4)])
        rows = np.column_stack([side * tail[:, 0] * a, tail[:, 1] * b, np.full(len(tail), -0.35 * a)])
        brush.fill(smooth(space.points(rows)), colour)
    elif cut == "curly":
        _draw_curls(brush, identity, space, colour)


def _draw_curls(brush: Brush, identity: Identity, space: HeadSpace, colour: tuple[int, int, int]) -> None:
    a, b = identity.a, identity.b
    reach = 1.04 + 0.08 * identity.hair_volume
    path = skia.Path()
    for angle in np.linspace(-0.18 * math.pi, 1.18 * math.pi, 13):
        row = np.array([[reach * a * math.cos(angle), -reach * b * math.sin(angle) * 0.97, -0.15 * a]])
        x, y = space.points(row)[0]
        path.addCircle(float(x), float(y), 0.060)
    path.setFillType(skia.PathFillType.kWinding)
    if brush.style == "ink":
        brush.stroke(path, ink(colour), 0.012)
    brush.fill(path, colour, line=0.0, form=False)


def cap_path(identity: Identity, space: HeadSpace) -> skia.Path:
    """The cap over the skull down to the hairline, in the picture."""
    hairline, lift = _hairline(identity)
    outer = _skull(identity, lift, hairline[0][1], hairline[-1][1])
    inner = np.array([_on_face(identity, x, y) for x, y in reversed(hairline)])
    return smooth(space.points(np.vstack([outer, inner])), tension=0.9)


def draw_hair_shadow(brush: Brush, identity: Identity, space: HeadSpace, face: skia.Path) -> None:
    """What the hair shades of the forehead and temples."""
    if identity.cut == "bald":
        return
    shadow = cap_path(identity, space)
    shadow.offset(0.012, 0.020)
    with brush.inside(face):
        brush.shade(shadow, skin_shade(identity, 0.30), 0.75, 0.008)


def draw_hair_front(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    """The hair over the skull with its strands and gloss."""
    cut = identity.cut
    if cut == "bald":
        _draw_shine(brush, identity, space)
        return
    path = cap_path(identity, space)
    brush.fill(path, identity.accent if cut == "beanie" else identity.hair)
    if cut == "beanie":
        _draw_brim(brush, identity, space)
        return
    with brush.inside(path):
        _draw_gloss(brush, identity, space)
        _draw_strands(brush, identity, space)


def _hairline(identity: Identity) -> tuple[list[tuple[float, float]], float]:
    """Hairline from left to right in (x / a, y / b), and how far the hair stands off the skull."""
    cut, part, volume = identity.cut, identity.part, identity.hair_volume
    high = 0.06 + 0.05 * volume
    if cut in ("short", "ponytail", "bun"):
        line = [(-1.0, -0.12), (-0.86, -0.42), (part - 0.25, -0.52), (part, -0.74), (part + 0.3, -0.5), (0.86, -0.4), (1.0, -0.12)]
        return line, 0.10 + high
    if cut == "crop":
        return [(-1.0, -0.2), (-0.84, -0.5), (-0.3, -0.62), (0.3, -0.62), (0.84, -0.5), (1.0, -0.2)], 0.06
    if cut == "quiff":
        return [(-1.0, -0.15), (-0.82, -0.55), (-0.3, -0.7), (0.3, -0.72), (0.82, -0.55), (1.0, -0.15)], 0.17 + high
    if cut == "bob":
        return [(-1.02, 0.1), (-0.9, -0.32), (-0.4, -0.38), (0.0, -0.41), (0.4, -0.38), (0.9, -0.32), (1.02, 0.1)], 0.11 + high
    if cut == "long":
        return [(-1.02, 0.15), (-0.92, -0.3), (part - 0.1, -0.62), (part, -0.8), (part + 0.1, -0.62), (0.92, -0.3), (1.02, 0.15)], 0.1 + high
    if cut == "curtains":
        return [(-1.04, 0.3), (-0.86, -0.08), (-0.5, -0.5), (0.0, -0.82), (0.5, -0.5), (0.86, -0.08), (1.04, 0.3)], 0.1 + high
    if cut == "curly":
        return [(-1.0, -0.1), (-0.8, -0.46), (-0.4, -0.56), (0.0, -0.5), (0.4, -0.56), (0.8, -0.46), (1.0, -0.1)], 0.12 + high
    if cut == "beanie":
        return [(-1.0, -0.42), (-0.5, -0.50), (0.0, -0.52), (0.5, -0.50), (1.0, -0.42)], 0.14 + high
    zigzag = [(-1.0, -0.12), (-0.8, -0.5), (-0.5, -0.34), (-0.25, -0.56), (0.05, -0.36), (0.35, -0.56), (0.6, -0.36), (0.8, -0.5), (1.0, -0.12)]
    return zigzag, 0.13 + high


def _skull(identity: Identity, lift: float, left: float, right: float) -> np.ndarray:
    """Outer edge of the cap ``[n, 3]`` from the left temple over the crown to the right temple."""
    a, b, cut = identity.a, identity.b, identity.cut
    start, stop = math.pi - math.asin(-left) if left < 0 else math.pi + math.asin(left), math.asin(-right)
    rows = []
    angles = np.linspace(start, stop, 15 if cut == "spiky" else 9)
    for i, angle in enumerate(angles):
        up = max(math.sin(angle), 0.0)
        stand = lift * (0.45 + 0.55 * up)
        if cut == "spiky":
            stand += 0.11 * up if i % 2 else -0.03 * up
        if cut == "quiff":
            stand += 0.07 * up * max(math.cos(angle) * (1 if identity.part > 0 else -1), 0.0)
        rows.append((a * (1.02 + 0.75 * stand) * math.cos(angle), -b * (1.0 + stand) * math.sin(angle), 0.0))
    return np.array(rows)


def _on_face(identity: Identity, x: float, y: float) -> tuple[float, float, float]:
    """A hairline point on the face surface."""
    z = 0.62 * identity.a * math.sqrt(max(0.0, 1.0 - min(x * x, 1.0)))
    return x * identity.a, y * identity.b, z


def _mirror(
    space: HeadSpace, half: list[tuple[float, float]], a: float, b: float, *, z: float, top: float, bottom: float
) -> np.ndarray:
    right = np.array(half)
    rows = np.vstack([[(0.0, top)], right, [(0.0, bottom)], right[::-1] * (-1, 1)])
    return space.points(np.column_stack([rows[:, 0] * a, rows[:, 1] * b, np.full(len(rows), z * a)]))


def _draw_brim(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    a, b = identity.a, identity.b
    upper = [(-1.06, -0.62), (-0.5, -0.72), (0.0, -0.75), (0.5, -0.72), (1.06, -0.62)]
    lower = [(1.07, -0.38), (0.5, -0.45), (0.0, -0.48), (-0.5, -0.45), (-1.07, -0.38)]
    rows = np.array([(x * a, y * b, 0.8 * a * math.sqrt(max(0.0, 1.0 - min((x / 1.07) ** 2, 1.0)))) for x, y in upper + lower])
    brush.fill(smooth(space.points(rows), tension=0.7), lighter(identity.accent, 0.3))


def _draw_gloss(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    """A band of light on the side of the lamp."""
    a, b = identity.a, identity.b
    rows = [_on_face(identity, x, y) for x, y in ((-0.88, -0.42), (-0.66, -0.72), (-0.30, -0.92), (0.06, -0.97))]
    path = smooth(space.points(np.array([(x, y - 0.03 * b, 0.7 * z) for x, y, z in rows])), closed=False)
    width, alpha = {"flat": (0.022, 0.8), "ink": (0.026, 0.55), "shaded": (0.034, 0.5)}[brush.style]
    if brush.style == "shaded":
        brush.stroke(path, lighter(identity.hair, 0.22), 1.9 * width * a / 0.26, 0.35)
    brush.stroke(path, lighter(identity.hair, 0.32), width * a / 0.26, alpha)


def _draw_strands(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    """Lines that flow from the parting to the temples; they turn with the head."""
    pen = ink(identity.hair) if brush.style == "ink" else darker(identity.hair, 0.28)
    part = 0.8 * identity.part
    for side in (-1.0, 1.0):
        for reach, low in ((0.46, -0.66), (0.84, -0.5)):
            knots = ((part + 0.06 * side, -1.0), (0.5 * (part + side * reach) + 0.08 * side, -0.93), (side * (reach + 0.06), low))
            rows = np.array([_on_face(identity, x, y) for x, y in knots])
            brush.stroke(smooth(space.points(rows * (1, 1, 0.8)), closed=False), pen, 0.0055, 0.5)


def _draw_shine(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    brush.canvas.save()
    brush.canvas.concat(space.patch(-0.3 * identity.a, -0.7 * identity.b))
    brush.oval(0, 0, 0.05, 0.022, lighter(identity.skin, 0.5), 0.7)
    brush.canvas.restore()
