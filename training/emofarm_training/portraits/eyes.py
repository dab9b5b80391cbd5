"""Eyes, lids and brows."""

from __future__ import annotations

import skia

from .brush import Brush
from .geometry import HeadSpace
from .identity import Identity
from .palette import Rgb, darker
from .pose import Pose

INK: Rgb = (36, 44, 66)
WHITE: Rgb = (252, 251, 248)
PUPIL: Rgb = (22, 36, 54)


def eye_place(identity: Identity, side: float) -> tuple[float, float]:
    """The middle of one eye in head coordinates; ``side`` is -1 or 1."""
    return side * identity.eye_gap * identity.a, identity.eye_y * identity.b


def draw_eyes(brush: Brush, identity: Identity, pose: Pose, space: HeadSpace) -> None:
    """Both eyes with lids at ``pose.blink``."""
    for side in (-1.0, 1.0):
        brush.canvas.save()
        brush.canvas.concat(space.patch(*eye_place(identity, side)))
        _draw_eye(brush, identity, side, min(max(pose.blink, 0.0), 1.0))
        brush.canvas.restore()


def _draw_eye(brush: Brush, identity: Identity, side: float, blink: float) -> None:
    size = identity.eye_size
    if identity.eye_shape == "dot":
        rx, ry = 0.020 * size, 0.027 * size
    elif identity.eye_shape == "almond":
        rx, ry = 0.046 * size, 0.029 * size
    else:
        rx, ry = 0.041 * size, 0.037 * size
    lid = ry * (1.0 - 1.0 * blink)
    if blink > 0.85:
        brush.stroke(_arc(rx, 0.35 * ry, down=True), INK, 0.0105)
        return
    aperture = _lens(rx, lid, ry * (1.0 - 0.35 * blink), side * (0.25 if identity.eye_shape == "almond" else 0.0) * ry)
    canvas = brush.canvas
    if identity.eye_shape == "dot":
        canvas.save()
        canvas.clipPath(aperture, skia.ClipOp.kIntersect, True)
        brush.oval(0, 0, rx, ry, PUPIL)
        brush.oval(-0.3 * rx, -0.4 * ry, 0.007, 0.007, WHITE)
        canvas.restore()
        return
    brush.flat(aperture, WHITE)
    canvas.save()
    canvas.clipPath(aperture, skia.ClipOp.kIntersect, True)
    r = 0.0275 * size
    brush.oval(0, 0, r, r, identity.iris)
    if brush.style == "outlined":
        brush.stroke(skia.Path.Circle(0, 0, r), darker(identity.iris, 0.6), 0.005)
    brush.oval(0, 0, 0.55 * r, 0.55 * r, PUPIL)
    brush.oval(-0.36 * r, -0.4 * r, 0.0085, 0.0085, WHITE)
    canvas.restore()
    _draw_lid_line(brush, identity, side, rx, lid, aperture)


def _draw_lid_line(brush: Brush, identity: Identity, side: float, rx: float, lid: float, aperture: skia.Path) -> None:
    """The upper lash line, with a flick outwards where the person has long lashes."""
    if brush.style == "outlined":
        brush.stroke(aperture, INK, 0.006)
    upper = skia.Path()
    upper.moveTo(-rx, 0)
    upper.cubicTo(-0.62 * rx, -1.28 * lid, 0.62 * rx, -1.28 * lid, rx, 0)
    brush.stroke(upper, INK, 0.0105 if identity.lashes else 0.0075)
    if identity.lashes:
        flick = skia.Path()
        flick.moveTo(side * 0.95 * rx, -0.15 * lid)
        flick.lineTo(side * (rx + 0.014), -0.5 * lid - 0.004)
        brush.stroke(flick, INK, 0.008)


def draw_brows(brush: Brush, identity: Identity, pose: Pose, space: HeadSpace) -> None:
    """Both brows; ``pose.brow`` lifts them by up to 4 % of the picture."""
    x, y = eye_place(identity, 1.0)
    height = y - 0.056 - 0.016 * identity.eye_size - 0.034 * pose.brow
    colour = darker(identity.hair, 0.25) if identity.cut != "bald" else darker(identity.skin, 0.6)
    for side in (-1.0, 1.0):
        brush.canvas.save()
        brush.canvas.concat(space.patch(side * x, height))
        tilt, w = identity.brow_tilt * 0.05, 0.045
        arch = 0.018 * identity.brow_arch + 0.008 * max(pose.brow, 0.0)
        path = skia.Path()
        path.moveTo(-side * w, 0.5 * tilt)
        path.quadTo(side * 0.2 * w, -arch - 0.5 * tilt, side * w, 0.004 - 0.5 * tilt)
        brush.stroke(path, colour, identity.brow_thickness)
        brush.canvas.restore()


def _lens(rx: float, up: float, down: float, slant: float) -> skia.Path:
    path = skia.Path()
    path.moveTo(-rx, slant)
    path.cubicTo(-0.62 * rx, -1.28 * up, 0.62 * rx, -1.28 * up, rx, -slant)
    path.cubicTo(0.62 * rx, 1.28 * down, -0.62 * rx, 1.28 * down, -rx, slant)
    path.close()
    return path


def _arc(rx: float, depth: float, *, down: bool) -> skia.Path:
    path = skia.Path()
    path.moveTo(-rx, 0)
    path.quadTo(0, 2 * depth if down else -2 * depth, rx, 0)
    return path
