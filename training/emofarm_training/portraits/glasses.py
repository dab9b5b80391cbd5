"""Glasses: two rims before the eyes, a bridge and two temples."""

from __future__ import annotations

import numpy as np
import skia

from .brush import Brush, polygon
from .eyes import eye_place
from .geometry import HeadSpace
from .identity import Identity
from .palette import argb

LIFT = 0.10
"""Distance of the lenses before the face, as a fraction of the half head width."""


def draw_glasses(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    """Nothing where the person wears none."""
    if identity.glasses == "none":
        return
    canvas = brush.canvas
    x, y = eye_place(identity, 1.0)
    reach = min(0.086, x - 0.016)
    _draw_temples(brush, identity, space, x + reach, y)
    for side in (-1.0, 1.0):
        canvas.save()
        canvas.concat(space.patch(side * x, y, lift=LIFT * identity.a))
        rim = _rim(identity.glasses, side, reach)
        canvas.drawPath(rim, skia.Paint(AntiAlias=True, Color=argb((255, 255, 255), 0.14)))
        brush.stroke(rim, identity.frame, 0.0105)
        canvas.restore()
    ends = space.points(np.array([[s * (x - reach), y, space.depth(x, y) + LIFT * identity.a] for s in (-1.0, 1.0)]))
    middle = space.points(np.array([[0.0, y - 0.018, space.depth(0, y) + LIFT * identity.a]]))[0]
    bridge = skia.Path()
    bridge.moveTo(*ends[0].tolist())
    bridge.quadTo(*middle.tolist(), *ends[1].tolist())
    brush.stroke(bridge, identity.frame, 0.0105)


def _draw_temples(brush: Brush, identity: Identity, space: HeadSpace, x: float, y: float) -> None:
    for side in (-1.0, 1.0):
        z = space.depth(x, y) + 0.5 * LIFT * identity.a
        ends = space.points(np.array([[side * x, y, z], [side * identity.a, y, 0.0]]))
        arm = skia.Path()
        arm.moveTo(*ends[0].tolist())
        arm.lineTo(*ends[1].tolist())
        brush.stroke(arm, identity.frame, 0.009)


def _rim(kind: str, side: float, r: float) -> skia.Path:
    if kind == "round":
        return skia.Path.Oval(skia.Rect.MakeLTRB(-r, -0.9 * r, r, 0.9 * r))
    if kind == "square":
        box = skia.Rect.MakeLTRB(-r, -0.72 * r, r, 0.78 * r)
        return skia.Path.RRect(skia.RRect.MakeRectXY(box, 0.018, 0.018))
    corners = [(-side * r, -0.5 * r), (side * 1.12 * r, -0.95 * r), (side * 0.85 * r, 0.62 * r), (-side * 0.7 * r, 0.72 * r)]
    return polygon(corners)
