"""How a drawing style fills a shape and builds its outline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import skia

from .palette import Rgb, argb, darker, lighter

OUTLINE = 0.0085
"""Pen width of the outlined style, in picture units (1.1 px at 128)."""


def smooth(points: np.ndarray, closed: bool = True, tension: float = 1.0) -> skia.Path:
    """A Catmull-Rom curve through ``points [n, 2]`` as cubic segments."""
    p = np.asarray(points, float)
    n = len(p)
    if closed:
        before, after = np.roll(p, 1, 0), np.roll(p, -1, 0)
    else:
        before, after = np.vstack([p[:1], p[:-1]]), np.vstack([p[1:], p[-1:]])
    tangent = (after - before) * (tension / 6.0)
    leave, arrive = (p + tangent).tolist(), (p - tangent).tolist()
    q = p.tolist()
    path = skia.Path()
    path.moveTo(*q[0])
    for i in range(n if closed else n - 1):
        j = (i + 1) % n
        path.cubicTo(*leave[i], *arrive[j], *q[j])
    if closed:
        path.close()
    return path


def polygon(points: Sequence[Sequence[float]]) -> skia.Path:
    """Straight edges through ``points``, closed."""
    return skia.Path.Polygon([skia.Point(float(x), float(y)) for x, y in points], True)


class Brush:
    """Fills shapes on one canvas in one style."""

    def __init__(self, canvas: skia.Canvas, style: str) -> None:
        self.canvas = canvas
        self.style = style

    def fill(self, path: skia.Path, colour: Rgb, *, line: float = 1.0, form: bool = True) -> None:
        """Fills ``path``; ``line`` scales the outline (0: none), ``form`` allows shading by a gradient."""
        paint = skia.Paint(AntiAlias=True, Color=argb(colour))
        if self.style == "shaded" and form:
            box = path.getBounds()
            centre = skia.Point(box.left() + 0.38 * box.width(), box.top() + 0.3 * box.height())
            reach = 0.85 * max(box.width(), box.height(), 1e-3)
            tones = [argb(lighter(colour, 0.16)), argb(colour), argb(darker(colour, 0.2))]
            paint.setShader(skia.GradientShader.MakeRadial(centre, reach, tones, [0.0, 0.5, 1.0]))
        self.canvas.drawPath(path, paint)
        if self.style == "outlined" and line > 0:
            self.stroke(path, darker(colour, 0.62), OUTLINE * line)

    def flat(self, path: skia.Path, colour: Rgb, alpha: float = 1.0) -> None:
        """Fills without outline or gradient."""
        self.canvas.drawPath(path, skia.Paint(AntiAlias=True, Color=argb(colour, alpha)))

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Rgb, alpha: float = 1.0) -> None:
        """An upright ellipse, flat."""
        box = skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry)
        self.canvas.drawOval(box, skia.Paint(AntiAlias=True, Color=argb(colour, alpha)))

    def stroke(self, path: skia.Path, colour: Rgb, width: float, alpha: float = 1.0) -> None:
        """A round pen along ``path``."""
        paint = skia.Paint(
            AntiAlias=True, Color=argb(colour, alpha), Style=skia.Paint.kStroke_Style, StrokeWidth=width,
            StrokeCap=skia.Paint.kRound_Cap, StrokeJoin=skia.Paint.kRound_Join,
        )  # fmt: skip
        self.canvas.drawPath(path, paint)
