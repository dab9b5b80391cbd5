"""Lips, teeth, tongue and the dark interior; also the ground truth of the opening."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import skia

from .brush import Brush, ink
from .geometry import HeadSpace
from .identity import Identity
from .palette import argb, darker, lighter, mix
from .pose import Pose

GAPE = 0.135
"""Height of the opening at ``open = 1``, in picture units (35 px at 256)."""
TEETH = (250, 247, 238)
TONGUE = (206, 104, 108)


@dataclass(frozen=True)
class Shape:
    """The mouth in its own flat coordinates: corners on y = 0, x to the right, y down."""

    half_width: float
    gape: float
    top: float
    bottom: float
    bulge: float
    corner_lift: float

    @classmethod
    def of(cls, identity: Identity, pose: Pose) -> Shape:
        """Lip geometry of one pose."""
        opening = min(max(pose.open, 0.0), 1.0)
        spread = 1.0 + 0.2 * pose.wide - 0.40 * pose.round - 0.05 * opening
        gape = GAPE * opening * (1.0 - 0.12 * max(pose.wide, 0.0))
        return cls(
            half_width=0.5 * identity.mouth_width * spread,
            gape=gape,
            top=-0.28 * gape,
            bottom=0.72 * gape,
            # 0.5: lens with sharp corners; 0.9: almost an ellipse
            bulge=0.62 + 0.26 * pose.round + 0.08 * opening,
            corner_lift=0.034 * identity.smile * (1.0 - 0.8 * pose.round) * (1.0 + 0.5 * max(pose.wide, 0.0)),
        )

    @property
    def sag(self) -> float:
        """How far the corners lift (below 0) the middle of both lip lines: a cubic's middle is pulled by its ends."""
        return -self.corner_lift * (0.25 + 0.75 * (1.0 - self.bulge))

    def contour(self, grow: float, corner: float) -> np.ndarray:
        """Control polygon ``[2, 7, 2]`` of upper and lower lip line, grown outwards by ``grow``."""
        w, k, lift = self.half_width + corner, self.bulge, -self.corner_lift
        up, down = self.top - grow, self.bottom + grow
        inner = 1.0 - k
        # A cubic reaches 3/4 of its control height at the middle.
        upper = [(-w, lift), (-w * k, lift * inner + up * 1.333), (w * k, lift * inner + up * 1.333), (w, lift)]
        lower = [(w, lift), (w * k, lift * inner + down * 1.333), (-w * k, lift * inner + down * 1.333), (-w, lift)]
        return np.array([upper, lower])


def mouth_place(identity: Identity) -> tuple[float, float]:
    """The middle of the closed mouth in head coordinates."""
    return 0.0, identity.mouth_y * identity.b


def mouth_open(identity: Identity, pose: Pose) -> float:
    """Ground truth: area between the lips in the picture as a fraction of the face box area."""
    upper, lower = Shape.of(identity, pose).contour(0.0, 0.0)
    outline = np.vstack([_cubic(upper), _cubic(lower)])
    x, y = outline[:, 0], outline[:, 1]
    flat = 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))
    turn = HeadSpace(identity, pose).affine(*mouth_place(identity))[:, :2]
    return flat * abs(float(np.linalg.det(turn))) / (4.0 * identity.a * identity.b)


def draw_mouth(brush: Brush, identity: Identity, pose: Pose, space: HeadSpace) -> None:
    """Draws the mouth on the face surface."""
    shape = Shape.of(identity, pose)
    full = identity.lip_fullness * (1.0 + 0.35 * pose.round - 0.2 * min(pose.open, 1.0) - 0.2 * max(pose.wide, 0.0))
    with brush.on(space.patch(*mouth_place(identity))):
        _draw_dimples(brush, identity, shape)
        _draw_lips(brush, identity, shape, full)
        inside = _path(*shape.contour(0.0, 0.0))
        if shape.gape > 0.004:
            brush.flat(inside, identity.interior)
            with brush.inside(inside):
                _draw_inside(brush, pose, shape)
        if shape.gape < 0.012:
            # The line between closed lips; it gives way to the dark as they part.
            part = 1.0 - shape.gape / 0.012
            brush.stroke(_open_path(shape.contour(0.0, 0.0)[0]), darker(identity.lip, 0.45), 0.0075, part)


def _draw_dimples(brush: Brush, identity: Identity, shape: Shape) -> None:
    """Small creases where a mouth turns up."""
    crease = mix(darker(identity.skin, 0.25), identity.lip, 0.4)
    for side in (-1.0, 1.0):
        x, y = side * (shape.half_width + 0.010), -shape.corner_lift
        path = skia.Path()
        path.moveTo(x, y - 0.008)
        path.quadTo(x + side * 0.005, y, x, y + 0.007)
        brush.stroke(path, crease, 0.0055, 0.35 + 0.5 * identity.smile)


def _draw_lips(brush: Brush, identity: Identity, shape: Shape, full: float) -> None:
    """The lips around the opening: the upper one with its bow and in shade, the lower one fuller and lit."""
    if brush.style == "shaded":
        brush.oval(0.0, shape.bottom + shape.sag + 0.036 * full, 0.5 * shape.half_width, 0.009, darker(identity.skin, 0.34), 0.5, 0.008)
    lower = _path(shape.contour(0.0, 0.006)[0], shape.contour(0.024 * full, 0.006)[1])
    upper = _bow(shape, 0.017 * full, 0.006)
    brush.flat(lower, lighter(identity.lip, 0.10))
    brush.flat(upper, darker(identity.lip, 0.12))
    if brush.style == "ink":
        brush.stroke(_open_path(shape.contour(0.024 * full, 0.006)[1]), ink(identity.lip), 0.005)
        brush.stroke(upper, ink(identity.lip), 0.004)
    if brush.style == "shaded":
        brush.oval(-0.12 * shape.half_width, shape.bottom + shape.sag + 0.013 * full, 0.34 * shape.half_width, 0.0045, (255, 246, 242), 0.5, 0.004)


def _bow(shape: Shape, grow: float, corner: float) -> skia.Path:
    """The upper lip with the dip in its middle, down to the line of the opening."""
    w, lift = shape.half_width + corner, -shape.corner_lift
    top = shape.top + shape.sag
    peak, dip = top - 1.25 * grow, top - 0.70 * grow
    path = skia.Path()
    path.moveTo(-w, lift)
    path.cubicTo(-w * (0.35 + 0.5 * shape.bulge), lift + (peak - lift) * 0.75, -0.40 * w, peak, -0.22 * w, peak)
    path.quadTo(-0.08 * w, peak, 0.0, dip)
    path.quadTo(0.08 * w, peak, 0.22 * w, peak)
    path.cubicTo(0.40 * w, peak, w * (0.35 + 0.5 * shape.bulge), lift + (peak - lift) * 0.75, w, lift)
    edge = shape.contour(0.0, corner)[0][::-1]
    path.cubicTo(*edge[1].tolist(), *edge[2].tolist(), *edge[3].tolist())
    path.close()
    return path


def _draw_inside(brush: Brush, pose: Pose, shape: Shape) -> None:
    """Teeth above, tongue below; the rest stays dark."""
    w, top, bottom = shape.half_width, shape.top + shape.sag, shape.bottom + shape.sag
    tongue = min(max(pose.tongue, 0.0), 1.0)
    if shape.gape > 0.02:
        crown = bottom - shape.gape * (0.16 + 0.26 * tongue)
        brush.oval(0.0, crown + 0.05, 0.62 * w, 0.05, TONGUE)
    show = min(max(pose.teeth, 0.0), 1.0)
    if show > 0.02:
        # Only f and v (teeth near 1) close the gap with teeth; else the dark stays the larger part.
        bite = top + show * (0.2 * shape.gape + 0.003) + max(show - 0.75, 0.0) * 0.02
        row = skia.Rect.MakeLTRB(-0.82 * w, top - 0.03, 0.82 * w, bite)
        brush.canvas.drawRoundRect(row, 0.012, 0.012, skia.Paint(AntiAlias=True, Color=argb(TEETH)))


def _path(upper: np.ndarray, lower: np.ndarray) -> skia.Path:
    path = _open_path(upper)
    path.cubicTo(*lower[1].tolist(), *lower[2].tolist(), *lower[3].tolist())
    path.close()
    return path


def _open_path(curve: np.ndarray) -> skia.Path:
    path = skia.Path()
    path.moveTo(*curve[0].tolist())
    path.cubicTo(*curve[1].tolist(), *curve[2].tolist(), *curve[3].tolist())
    return path


def _cubic(control: np.ndarray, steps: int = 24) -> np.ndarray:
    """Points on a cubic Bezier curve without its last point."""
    t = np.arange(steps)[:, None] / steps
    s = 1.0 - t
    return s**3 * control[0] + 3 * s * s * t * control[1] + 3 * s * t * t * control[2] + t**3 * control[3]


def jaw_drop(pose: Pose) -> float:
    """How far the chin sinks, in picture units."""
    return 0.055 * min(max(pose.open, 0.0), 1.0)
