"""How a drawing style fills a shape and builds its outline. Light comes from the upper left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import skia

from .palette import Rgb, argb, darker, lighter, mix

OUTLINE = 0.0065
"""Pen width of the ink style, in picture units (1.7 px at 256)."""
WEIGHT = (0.0028, 0.0036)
"""How far the ink of an outline is heavier to the lower right."""
SEPIA: Rgb = (58, 46, 62)
"""Ink is the fill's colour drawn deep into this."""


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


def ink(colour: Rgb) -> Rgb:
    """The pen that goes with a fill."""
    return mix(colour, SEPIA, 0.78)


class Brush:
    """Fills shapes on one canvas in one style: ``flat``, ``ink`` or ``shaded``."""

    def __init__(self, canvas: skia.Canvas, style: str) -> None:
        self.canvas = canvas
        self.style = style

    def fill(self, path: skia.Path, colour: Rgb, *, line: float = 1.0, form: bool = True) -> None:
        """Fills ``path``; ``line`` scales the outline (0: none), ``form`` allows shading by a gradient."""
        paint = skia.Paint(AntiAlias=True, Color=argb(colour))
        box = path.getBounds()
        reach = 0.85 * max(box.width(), box.height(), 1e-3)
        if self.style == "shaded" and form:
            centre = skia.Point(box.left() + 0.34 * box.width(), box.top() + 0.26 * box.height())
            tones = [argb(lighter(colour, 0.20)), argb(colour), argb(darker(colour, 0.24))]
            paint.setShader(skia.GradientShader.MakeRadial(centre, reach, tones, [0.0, 0.5, 1.0]))
        if self.style == "ink":
            if line > 0:
                # A pen presses harder on the side that lies in the shade.
                heavy = skia.Path(path)
                heavy.offset(WEIGHT[0] * line, WEIGHT[1] * line)
                self.flat(heavy, ink(colour))
            if form:
                # A wash is pale in the middle and gathers at its edges.
                centre = skia.Point(box.left() + 0.42 * box.width(), box.top() + 0.4 * box.height())
                tones = [argb(lighter(colour, 0.16)), argb(lighter(colour, 0.05)), argb(darker(colour, 0.10))]
                paint.setShader(skia.GradientShader.MakeRadial(centre, 0.8 * reach, tones, [0.0, 0.55, 1.0]))
        self.canvas.drawPath(path, paint)
        if self.style == "ink" and line > 0:
            self.stroke(path, ink(colour), OUTLINE * line)

    def flat(self, path: skia.Path, colour: Rgb, alpha: float = 1.0, blur: float = 0.0) -> None:
        """Fills without outline or gradient; ``blur`` softens the edge over about that length."""
        paint = skia.Paint(AntiAlias=True, Color=argb(colour, alpha))
        if blur > 0:
            paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
        self.canvas.drawPath(path, paint)

    def shade(self, path: skia.Path, colour: Rgb, alpha: float, blur: float) -> None:
        """A shadow or a light: soft in the painted styles, cut out in the flat one."""
        self.flat(path, colour, alpha, 0.0 if self.style == "flat" else blur)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Rgb, alpha: float = 1.0, blur: float = 0.0) -> None:
        """An upright ellipse, flat."""
        self.flat(skia.Path.Oval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry)), colour, alpha, blur)

    def stroke(self, path: skia.Path, colour: Rgb, width: float, alpha: float = 1.0) -> None:
        """A round pen along ``path``."""
        paint = skia.Paint(
            AntiAlias=True, Color=argb(colour, alpha), Style=skia.Paint.kStroke_Style, StrokeWidth=width,
            StrokeCap=skia.Paint.kRound_Cap, StrokeJoin=skia.Paint.kRound_Join,
        )  # fmt: skip
        self.canvas.drawPath(path, paint)

    @contextmanager
    def inside(self, path: skia.Path) -> Iterator[None]:
        """Everything drawn within stays inside of ``path``."""
        self.canvas.save()
        self.canvas.clipPath(path, skia.ClipOp.kIntersect, True)
        yield
        self.canvas.restore()

    @contextmanager
    def on(self, place: skia.Matrix) -> Iterator[None]:
        """Everything drawn within is in the coordinates of ``place``."""
        self.canvas.save()
        self.canvas.concat(place)
        yield
        self.canvas.restore()
