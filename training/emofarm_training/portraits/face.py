"""Face outline, ears, cheeks and nose."""

from __future__ import annotations

import numpy as np
import skia

from .brush import Brush, ink, smooth
from .geometry import HeadSpace
from .identity import Identity
from .mouth import jaw_drop
from .palette import Rgb, argb, darker, lighter, mix
from .pose import Pose


def face_outline(identity: Identity, drop: float = 0.0) -> np.ndarray:
    """Outline points ``[14, 3]`` in head coordinates, clockwise from the crown; ``drop`` sinks the chin."""
    a, b = identity.a, identity.b
    cheek = 0.85 + 0.08 * identity.jaw
    jaw = 0.44 + 0.17 * identity.jaw
    chin = 0.10 + 0.13 * identity.chin
    # x / a, y / b, z / a for the right half; the chin stands forward, so it swings with the yaw
    half = [
        (0.54, -0.90, 0.0), (0.90, -0.52, 0.0), (1.0, -0.04, 0.0),
        (cheek + 0.05, 0.38, 0.06), (jaw + 0.14, 0.72, 0.22), (chin + 0.13, 0.935, 0.34),
    ]  # fmt: skip
    right = np.array(half)
    left = right[::-1] * (-1, 1, 1)
    rows = np.vstack([[(0.0, -1.0, 0.0)], right, [(0.0, 1.0, 0.38)], left])
    points = rows * (a, b, a)
    sink = np.clip((rows[:, 1] - 0.1) / 0.9, 0.0, 1.0) ** 1.3
    points[:, 1] += drop * sink
    return points


def skin_shade(identity: Identity, depth: float) -> Rgb:
    """The skin in shadow: deeper and warmer, never grey."""
    return mix(darker(identity.skin, 0.75 * depth), (176, 74, 70), 0.35 * depth)


def draw_ears(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    """Both ears, behind the face; the one that turns away hides by itself."""
    for side in (-1.0, 1.0):
        x, y = space.points(np.array([[side * 0.99 * identity.a, 0.06 * identity.b, -0.12 * identity.a]]))[0]
        rx, ry = 0.034, 0.95 * identity.ear
        brush.fill(skia.Path.Oval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry)), identity.skin)
        brush.oval(x + side * 0.007, y, 0.015, 0.52 * identity.ear, skin_shade(identity, 0.32))
        if identity.earrings:
            brush.oval(x + side * 0.006, y + ry + 0.006, 0.0125, 0.0125, identity.accent)
            brush.oval(x + side * 0.006 - 0.004, y + ry + 0.002, 0.004, 0.004, lighter(identity.accent, 0.7))


def draw_face(brush: Brush, identity: Identity, pose: Pose, space: HeadSpace) -> skia.Path:
    """The skin of the face with its light and shadow, and the cheeks; gives the outline."""
    path = smooth(space.points(face_outline(identity, jaw_drop(pose))))
    brush.fill(path, identity.skin)
    with brush.inside(path):
        _draw_side_shadow(brush, identity, path)
        for side in (-1.0, 1.0):
            with brush.on(space.patch(side * 0.62 * identity.a, 0.38 * identity.b)):
                _draw_cheek(brush, identity)
    if brush.style == "ink":
        brush.stroke(path, ink(identity.skin), 0.0065)
    return path


def _draw_side_shadow(brush: Brush, identity: Identity, path: skia.Path) -> None:
    """The side away from the light: all of the face but the same outline moved towards the light."""
    lit = skia.Path(path)
    lit.offset(-0.062, -0.030)
    dark = skia.Op(path, lit, skia.PathOp.kDifference_PathOp)
    strength, blur = {"flat": (0.9, 0.0), "ink": (0.55, 0.016), "shaded": (0.75, 0.030)}[brush.style]
    brush.shade(dark, skin_shade(identity, 0.20), strength, blur)
    if brush.style == "shaded":
        rim = skia.Path(path)
        rim.offset(0.030, 0.010)
        light = skia.Op(path, rim, skia.PathOp.kDifference_PathOp)
        brush.flat(light, lighter(identity.skin, 0.6), 0.45, 0.012)


def _draw_cheek(brush: Brush, identity: Identity) -> None:
    rosy = mix(identity.skin, (238, 104, 104), 0.6)
    reach = 0.072
    if brush.style == "flat":
        brush.oval(0, 0, 0.048, 0.036, rosy, 0.75 * identity.blush)
    else:
        paint = skia.Paint(AntiAlias=True)
        tones = [argb(rosy, identity.blush), argb(rosy, 0.75 * identity.blush), argb(rosy, 0.0)]
        paint.setShader(skia.GradientShader.MakeRadial(skia.Point(0, 0), reach, tones, [0.0, 0.35, 1.0]))
        brush.canvas.drawCircle(0, 0, reach, paint)
    if identity.freckles:
        for dx, dy in ((-0.024, -0.016), (0.004, -0.026), (0.026, -0.010), (-0.008, 0.006), (0.016, 0.014)):
            brush.oval(dx, dy, 0.0052, 0.0052, skin_shade(identity, 0.45), 0.75)


def draw_nose(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    """The nose stands out from the face, so it shows the turn of the head most."""
    s = identity.nose_size
    with brush.on(space.patch(0.0, 0.27 * identity.b, lift=0.16 * identity.a)):
        shade = skin_shade(identity, 0.42)
        if brush.style == "shaded":
            brush.oval(0.016 * s, 0.008, 0.030 * s, 0.026 * s, skin_shade(identity, 0.34), 0.5, 0.010)
            brush.oval(-0.006 * s, -0.014, 0.011 * s, 0.026 * s, lighter(identity.skin, 0.5), 0.5, 0.007)
        _draw_nose_form(brush, identity, shade, s)


def _draw_nose_form(brush: Brush, identity: Identity, shade: Rgb, s: float) -> None:
    path = skia.Path()
    pen = ink(identity.skin) if brush.style == "ink" else shade
    if identity.nose == "button":
        brush.oval(0, 0.006, 0.030 * s, 0.024 * s, mix(identity.skin, (226, 112, 104), 0.42))
        brush.oval(-0.009, 0.0, 0.010 * s, 0.007 * s, lighter(identity.skin, 0.6), 0.9)
    elif identity.nose == "line":
        path.moveTo(0.012 * s, -0.046 * s)
        path.cubicTo(0.02 * s, -0.01, 0.038 * s, 0.024 * s, -0.006 * s, 0.024 * s)
        brush.stroke(path, pen, 0.0085)
    elif identity.nose == "wedge":
        path.moveTo(0.002, -0.056 * s)
        path.cubicTo(0.014 * s, -0.02, 0.036 * s, 0.012 * s, 0.027 * s, 0.024 * s)
        path.cubicTo(0.01 * s, 0.036 * s, -0.012 * s, 0.032 * s, -0.020 * s, 0.022 * s)
        path.cubicTo(-0.006 * s, 0.020 * s, 0.004 * s, -0.02 * s, 0.002, -0.056 * s)
        path.close()
        brush.flat(path, mix(identity.skin, shade, 0.75))
    else:
        path.moveTo(-0.024 * s, 0.012 * s)
        path.quadTo(0.0, 0.036 * s, 0.024 * s, 0.012 * s)
        brush.stroke(path, pen, 0.0085)
