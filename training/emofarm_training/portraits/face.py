"""Face outline, ears, cheeks and nose."""

from __future__ import annotations

import numpy as np
import skia

from .brush import Brush, smooth
from .geometry import HeadSpace
from .identity import Identity
from .mouth import jaw_drop
from .palette import darker, lighter, mix
from .pose import Pose


def face_outline(identity: Identity, drop: float = 0.0) -> np.ndarray:
    """Outline points ``[14, 3]`` in head coordinates, clockwise from the crown; ``drop`` sinks the chin."""
    a, b = identity.a, identity.b
    cheek = 0.80 + 0.13 * identity.jaw
    jaw = 0.46 + 0.18 * identity.jaw
    chin = 0.15 + 0.12 * identity.chin
    # x / a, y / b, z / a for the right half; the chin stands forward, so it swings with the yaw
    half = [
        (0.52, -0.90, 0.0), (0.88, -0.54, 0.0), (1.0, -0.08, 0.0),
        (cheek + 0.06, 0.36, 0.06), (jaw + 0.14, 0.72, 0.22), (chin + 0.12, 0.94, 0.34),
    ]  # fmt: skip
    right = np.array(half)
    left = right[::-1] * (-1, 1, 1)
    rows = np.vstack([[(0.0, -1.0, 0.0)], right, [(0.0, 1.0, 0.38)], left])
    points = rows * (a, b, a)
    sink = np.clip((rows[:, 1] - 0.1) / 0.9, 0.0, 1.0) ** 1.3
    points[:, 1] += drop * sink
    return points


def draw_ears(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    """Both ears, behind the face; the one that turns away hides by itself."""
    for side in (-1.0, 1.0):
        x, y = space.points(np.array([[side * 1.0 * identity.a, 0.02 * identity.b, -0.12 * identity.a]]))[0]
        ear = skia.Path.Oval(skia.Rect.MakeLTRB(x - 0.036, y - identity.ear, x + 0.036, y + identity.ear))
        brush.fill(ear, identity.skin)
        brush.oval(x + side * 0.006, y, 0.016, 0.55 * identity.ear, darker(identity.skin, 0.16))
        if identity.earrings:
            brush.oval(x + side * 0.008, y + identity.ear, 0.011, 0.011, identity.accent)


def draw_face(brush: Brush, identity: Identity, pose: Pose, space: HeadSpace) -> None:
    """The skin of the face and the cheeks."""
    path = smooth(space.points(face_outline(identity, jaw_drop(pose))))
    brush.fill(path, identity.skin)
    canvas = brush.canvas
    canvas.save()
    canvas.clipPath(path, skia.ClipOp.kIntersect, True)
    for side in (-1.0, 1.0):
        canvas.save()
        canvas.concat(space.patch(side * 0.58 * identity.a, 0.26 * identity.b))
        rosy = mix(identity.skin, (236, 112, 112), 0.55)
        paint = skia.Paint(AntiAlias=True)
        tones = [skia.Color(*rosy, int(255 * identity.blush)), skia.Color(*rosy, 0)]
        paint.setShader(skia.GradientShader.MakeRadial(skia.Point(0, 0), 0.062, tones))
        canvas.drawCircle(0, 0, 0.062, paint)
        if identity.freckles:
            for dx, dy in ((-0.02, -0.015), (0.004, -0.022), (0.022, -0.01), (-0.008, 0.004), (0.014, 0.012)):
                brush.oval(dx, dy, 0.0048, 0.0048, darker(identity.skin, 0.28), 0.8)
        canvas.restore()
    canvas.restore()


def draw_nose(brush: Brush, identity: Identity, space: HeadSpace) -> None:
    """The nose stands out from the face, so it shows the turn of the head most."""
    canvas, s = brush.canvas, identity.nose_size
    canvas.save()
    canvas.concat(space.patch(0.0, 0.17 * identity.b, lift=0.14 * identity.a))
    shade = darker(identity.skin, 0.26)
    path = skia.Path()
    if identity.nose == "button":
        brush.oval(0, 0.006, 0.030 * s, 0.023 * s, mix(shade, (226, 120, 110), 0.35))
        brush.oval(-0.008, 0.0, 0.010 * s, 0.007 * s, lighter(identity.skin, 0.45))
    elif identity.nose == "line":
        path.moveTo(-0.012 * s, -0.052 * s)
        path.cubicTo(-0.02 * s, -0.01, -0.04 * s, 0.022 * s, 0.006 * s, 0.022 * s)
        brush.stroke(path, shade, 0.010)
    elif identity.nose == "wedge":
        path.moveTo(0.0, -0.06 * s)
        path.cubicTo(0.012 * s, -0.02, 0.036 * s, 0.012 * s, 0.026 * s, 0.024 * s)
        path.cubicTo(0.01 * s, 0.034 * s, -0.012 * s, 0.03 * s, -0.02 * s, 0.022 * s)
        path.close()
        brush.flat(path, mix(identity.skin, shade, 0.7))
    else:
        path.moveTo(-0.026 * s, 0.014 * s)
        path.quadTo(0.0, 0.034 * s, 0.026 * s, 0.014 * s)
        brush.stroke(path, shade, 0.009)
    canvas.restore()
