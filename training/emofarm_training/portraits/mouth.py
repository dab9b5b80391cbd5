"""Lips, teeth, tongue and the dark interior; also the ground truth of the opening."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import skia

from .brush import Brush
from .geometry import HeadSpace
from .identity import Identity
from .palette import argb, darker, lighter
from .pose import Pose

GAPE = 0.135
"""Height of the opening at ``open = 1``, in picture units (17 px at 128)."""
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
            corner_lift=0.024 * identity.smile * (1.0 - 0.8 * pose.round) * (1.0 + 0.5 * max(pose.wide, 0.0)),
        )

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
    canvas = brush.canvas
    canvas.save()
    canvas.concat(space.patch(*mouth_place(identity)))
    shape = Shape.of(identity, pose)
    full = identity.lip_fullness * (1.0 + 0.35 * pose.round - 0.2 * min(pose.open, 1.0) - 0.2 * max(pose.wide, 0.0))
    _draw_lips(brush, identity, shape, full)
    inside = _path(*shape.contour(0.0, 0.0))
    if shape.gape > 0.004:
        brush.flat(inside, identity.interior)
        canvas.save()
        canvas.clipPath(inside, skia.ClipOp.kIntersect, True)
        _draw_inside(brush, pose, shape)
        canvas.restore()
    else:
        upper = shape.contour(0.0, 0.0)[0]
        brush.stroke(_open_path(upper), darker(identity.lip, 0.38), 0.0065)
    canvas.restore()


def _draw_lips(brush: Brush, identity: Identity, shape: Shape, full: float) -> None:
    """The lip rim around the opening, thinner above than below."""
    upper = shape.contour(0.015 * full, 0.006)[0]
    lower = shape.contour(0.022 * full, 0.006)[1]
    rim = _path(upper, lower)
    brush.flat(rim, identity.lip)
    if brush.style == "outlined":
        brush.stroke(rim, darker(identity.lip, 0.45), 0.0055)
    if brush.style == "shaded":
        glint = shape.bottom + 0.009 * full
        brush.oval(-0.1 * shape.half_width, glint, 0.3 * shape.half_width, 0.0035, lighter(identity.lip, 0.5), 0.6)


def _draw_inside(brush: Brush, pose: Pose, shape: Shape) -> None:
    """Teeth above, tongue below; the rest stays dark."""
    w = shape.half_width
    show = min(max(pose.teeth, 0.0), 1.0)
    if show > 0.02:
        # Only f and v (teeth near 1) close the gap with teeth; else the dark stays the larger part.
        bite = shape.top + show * (0.2 * shape.gape + 0.003) + max(show - 0.75, 0.0) * 0.02
        row = skia.Rect.MakeLTRB(-0.82 * w, shape.top - 0.03, 0.82 * w, bite)
        brush.canvas.drawRoundRect(row, 0.012, 0.012, skia.Paint(AntiAlias=True, Color=argb(TEETH)))
    tongue = min(max(pose.tongue, 0.0), 1.0)
    if shape.gape > 0.02:
        crown = shape.bottom - shape.gape * (0.16 + 0.26 * tongue)
        brush.oval(0.0, crown + 0.05, 0.62 * w, 0.05, TONGUE)


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
