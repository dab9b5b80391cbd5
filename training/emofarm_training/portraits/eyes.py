"""Eyes, lids and brows."""

from __future__ import annotations

import math

import skia

from .brush import Brush, ink
from .face import skin_shade
from .geometry import HeadSpace
from .identity import Identity
from .palette import Rgb, argb, darker, lighter, mix
from .pose import Pose

LASH: Rgb = (44, 40, 58)
WHITE: Rgb = (253, 252, 249)
PUPIL: Rgb = (24, 30, 50)
GAZE = 0.040
"""How far an iris would travel in a turn of 90 degrees: eyes keep looking at the viewer while the head turns."""


def eye_place(identity: Identity, side: float) -> tuple[float, float]:
    """The middle of one eye in head coordinates; ``side`` is -1 or 1."""
    return side * identity.eye_gap * identity.a, identity.eye_y * identity.b


def draw_eyes(brush: Brush, identity: Identity, pose: Pose, space: HeadSpace) -> None:
    """Both eyes with lids at ``pose.blink``."""
    gaze = (-GAZE * math.sin(math.radians(pose.yaw)), GAZE * math.sin(math.radians(pose.pitch)))
    for side in (-1.0, 1.0):
        with brush.on(space.patch(*eye_place(identity, side))):
            _draw_eye(brush, identity, side, min(max(pose.blink, 0.0), 1.0), gaze, max(pose.brow, 0.0))


def _draw_eye(brush: Brush, identity: Identity, side: float, blink: float, gaze: tuple[float, float], lift: float) -> None:
    size = identity.eye_size
    if identity.eye_shape == "dot":
        _draw_bead(brush, identity, blink, gaze)
        return
    rx, ry = (0.055 * size, 0.038 * size) if identity.eye_shape == "almond" else (0.049 * size, 0.045 * size)
    slant = side * (0.22 if identity.eye_shape == "almond" else 0.06) * ry
    # The upper lid sinks below the middle, the lower one rises a little to meet it.
    upper = -ry * (1.0 + 0.10 * lift) * (1.0 - blink) + 0.42 * ry * blink
    lower = ry * (0.92 - 0.44 * blink)
    socket = _lens(rx, -ry, 0.92 * ry, slant)
    brush.flat(socket, skin_shade(identity, 0.16))
    aperture = _lens(rx, upper, max(lower, upper + 0.001), slant)
    brush.flat(aperture, WHITE)
    with brush.inside(aperture):
        _draw_iris(brush, identity, 0.0335 * size, gaze)
        fall = _lens(rx, upper - 0.03, upper + 0.32 * ry, slant)
        brush.shade(fall, (96, 92, 132), 0.30, 0.006)
    _draw_lid_lines(brush, identity, side, rx, ry, upper, slant)


def _draw_iris(brush: Brush, identity: Identity, r: float, gaze: tuple[float, float]) -> None:
    x, y = gaze
    paint = skia.Paint(AntiAlias=True, Color=argb(identity.iris))
    if brush.style != "flat":
        tones = [argb(lighter(identity.iris, 0.42)), argb(identity.iris), argb(darker(identity.iris, 0.5))]
        paint.setShader(skia.GradientShader.MakeRadial(skia.Point(x, y + 0.5 * r), 1.45 * r, tones, [0.0, 0.45, 1.0]))
    brush.canvas.drawCircle(x, y, r, paint)
    if brush.style != "shaded":
        brush.stroke(skia.Path.Circle(x, y, 0.93 * r), darker(identity.iris, 0.55), 0.005)
    brush.oval(x, y, 0.52 * r, 0.52 * r, PUPIL)
    brush.oval(x - 0.34 * r, y - 0.36 * r, 0.30 * r, 0.30 * r, WHITE)
    brush.oval(x + 0.36 * r, y + 0.40 * r, 0.14 * r, 0.14 * r, WHITE, 0.85)


def _draw_lid_lines(brush: Brush, identity: Identity, side: float, rx: float, ry: float, upper: float, slant: float) -> None:
    """The upper lash line, with a flick outwards where the person has long lashes, and the fold above it."""
    line = skia.Path()
    line.moveTo(-rx, slant)
    line.cubicTo(-0.62 * rx, 1.28 * upper, 0.62 * rx, 1.28 * upper, rx, -slant)
    brush.stroke(line, LASH, 0.0125 if identity.lashes else 0.009)
    if identity.lashes:
        flick = skia.Path()
        flick.moveTo(side * 0.93 * rx, -side * 0.93 * slant + 0.14 * upper)
        flick.quadTo(side * (rx + 0.006), 0.1 * upper, side * (rx + 0.017), 0.5 * upper - 0.003)
        brush.stroke(flick, LASH, 0.009)
    fold = skia.Path()
    fold.moveTo(-0.8 * rx, -0.72 * ry + slant)
    fold.cubicTo(-0.4 * rx, -1.42 * ry, 0.4 * rx, -1.42 * ry, 0.8 * rx, -0.72 * ry - slant)
    brush.stroke(fold, skin_shade(identity, 0.5), 0.005, 0.55)
    under = skia.Path()
    under.moveTo(-0.62 * rx, 0.66 * ry)
    under.quadTo(0.0, 1.14 * ry, 0.62 * rx, 0.66 * ry)
    brush.stroke(under, skin_shade(identity, 0.5), 0.0045, 0.55)


def _draw_bead(brush: Brush, identity: Identity, blink: float, gaze: tuple[float, float]) -> None:
    """A storybook eye: one dark bead with two lights; shut, a curve."""
    size = identity.eye_size
    rx, ry = 0.0255 * size, 0.036 * size * (1.0 - blink)
    x, y = 0.6 * gaze[0], 0.6 * gaze[1] + 0.010 * blink
    if blink > 0.75:
        shut = skia.Path()
        shut.moveTo(-1.15 * rx, y - 0.002)
        shut.quadTo(0.0, y + 0.016 * size, 1.15 * rx, y - 0.002)
        brush.stroke(shut, LASH, 0.010)
        return
    bead = skia.Path.Oval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry))
    brush.flat(bead, mix(PUPIL, identity.iris, 0.18))
    with brush.inside(bead):
        brush.oval(x - 0.30 * rx, y - 0.42 * ry, 0.34 * rx, 0.30 * ry, WHITE)
        brush.oval(x + 0.30 * rx, y + 0.46 * ry, 0.17 * rx, 0.16 * ry, WHITE, 0.7)


def draw_brows(brush: Brush, identity: Identity, pose: Pose, space: HeadSpace) -> None:
    """Both brows; ``pose.brow`` lifts them by up to 4 % of the picture."""
    x, y = eye_place(identity, 1.0)
    height = y - 0.062 - 0.022 * identity.eye_size - 0.036 * pose.brow + 0.006 * pose.blink
    colour = darker(identity.hair, 0.32) if identity.cut != "bald" else darker(identity.skin, 0.6)
    colour = ink(colour) if brush.style == "ink" else colour
    for side in (-1.0, 1.0):
        with brush.on(space.patch(side * x, height)):
            tilt, w, thick = identity.brow_tilt * 0.05, 0.047, identity.brow_thickness
            arch = 0.020 * identity.brow_arch + 0.010 * max(pose.brow, 0.0)
            path = skia.Path()
            # Thick near the nose, thin at the temple.
            path.moveTo(-side * w, 0.5 * tilt - 0.5 * thick)
            path.quadTo(side * 0.15 * w, -arch - 0.5 * tilt - 0.75 * thick, side * w, 0.006 - 0.5 * tilt)
            path.quadTo(side * 0.15 * w, -arch - 0.5 * tilt + 0.55 * thick, -side * w, 0.5 * tilt + 0.5 * thick)
            path.close()
            brush.flat(path, colour)
            brush.stroke(path, colour, 0.0045)


def _lens(rx: float, top: float, bottom: float, slant: float) -> skia.Path:
    """Corners at (-rx, slant) and (rx, -slant); the middle of the edges at ``top`` and ``bottom``."""
    path = skia.Path()
    path.moveTo(-rx, slant)
    path.cubicTo(-0.62 * rx, 1.28 * top, 0.62 * rx, 1.28 * top, rx, -slant)
    path.cubicTo(0.62 * rx, 1.28 * bottom, -0.62 * rx, 1.28 * bottom, -rx, slant)
    path.close()
    return path
