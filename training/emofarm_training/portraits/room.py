"""What never moves: the background, the shoulders, the clothes and the neck."""

from __future__ import annotations

import math

import skia

from .brush import Brush, polygon
from .face import skin_shade
from .identity import Identity
from .palette import argb, darker, lighter, mix

PAPER = (250, 244, 232)
COLLAR_Y = 0.838
"""Where the neck meets the cloth, in picture units."""


def draw_room(canvas: skia.Canvas, identity: Identity) -> None:
    """Draws the still layer on the unit square."""
    brush = Brush(canvas, identity.style)
    _draw_background(brush, identity)
    _draw_neck(brush, identity)
    _draw_clothes(brush, identity)


def _draw_background(brush: Brush, identity: Identity) -> None:
    """A ground, one quiet shape on it; in ink, colour fades into the paper at the corners."""
    one, two = identity.back1, identity.back2
    canvas, kind = brush.canvas, identity.background
    paint = skia.Paint(AntiAlias=True, Color=argb(one))
    if kind == "gradient" or (kind == "plain" and identity.style != "flat"):
        ends = [skia.Point(0.3, 0), skia.Point(0.7, 1)]
        low = two if kind == "gradient" else darker(one, 0.16)
        paint.setShader(skia.GradientShader.MakeLinear(ends, [argb(lighter(one, 0.12)), argb(low)]))
    elif kind == "halo":
        tones = [argb(lighter(one, 0.55)), argb(mix(one, two, 0.25))]
        paint.setShader(skia.GradientShader.MakeRadial(skia.Point(identity.cx, identity.cy), 0.72, tones))
    canvas.drawRect(skia.Rect.MakeWH(1, 1), paint)
    _draw_shape(brush, identity)
    if identity.style == "ink":
        fade = skia.Paint(AntiAlias=True)
        tones = [argb(PAPER, 0.0), argb(PAPER, 0.0), argb(PAPER, 0.92)]
        fade.setShader(skia.GradientShader.MakeRadial(skia.Point(0.5, 0.52), 0.78, tones, [0.0, 0.55, 1.0]))
        canvas.drawRect(skia.Rect.MakeWH(1, 1), fade)


def _draw_shape(brush: Brush, identity: Identity) -> None:
    two = mix(identity.back1, identity.back2, 0.62)
    kind, phase = identity.background, identity.back_phase
    if kind == "disc":
        brush.oval(0.5 + 0.10 * (phase - 0.5), 0.47, 0.40, 0.40, two)
    elif kind == "arch":
        box = skia.Rect.MakeLTRB(0.13, 0.07, 0.87, 1.4)
        brush.flat(skia.Path.RRect(skia.RRect.MakeRectXY(box, 0.37, 0.37)), two)
    elif kind == "dots":
        for row in range(-1, 6):
            for column in range(-1, 6):
                shift = 0.11 * (row % 2) + 0.1 * phase
                brush.oval(0.22 * column + shift, 0.22 * row + 0.06, 0.034, 0.034, two, 0.8)
    elif kind == "hills":
        _draw_hills(brush, identity)
    elif kind == "window":
        x = 0.06 + 0.56 * phase
        box = skia.Path.RRect(skia.RRect.MakeRectXY(skia.Rect.MakeLTRB(x, 0.07, x + 0.32, 0.50), 0.03, 0.03))
        brush.flat(box, lighter(identity.back2, 0.55))
        with brush.inside(box):
            brush.oval(x + 0.22, 0.19, 0.06, 0.06, (255, 238, 190))
            brush.oval(x + 0.10, 0.56, 0.20, 0.17, mix(identity.back2, (110, 160, 120), 0.5))
        brush.stroke(box, darker(identity.back1, 0.22), 0.016)


def _draw_hills(brush: Brush, identity: Identity) -> None:
    phase = identity.back_phase
    brush.oval(0.18 + 0.64 * phase, 0.20, 0.085, 0.085, lighter(identity.back1, 0.65))
    for layer, base in enumerate((0.50, 0.64)):
        path = skia.Path()
        path.moveTo(-0.05, 1.05)
        angle = 2 * math.pi * (phase + 0.37 * layer)
        for i in range(23):
            x = -0.05 + i * 0.05
            path.lineTo(x, base + 0.06 * math.sin(4.2 * x + angle))
        path.lineTo(1.05, 1.05)
        path.close()
        brush.flat(path, mix(identity.back1, identity.back2, 0.45 + 0.35 * layer))


def _draw_neck(brush: Brush, identity: Identity) -> None:
    x, top = identity.cx, identity.cy + 0.6 * identity.b
    w, y = 0.42 * identity.a, COLLAR_Y
    path = skia.Path()
    path.moveTo(x - w, top)
    path.lineTo(x + w, top)
    path.cubicTo(x + w, y - 0.02, x + 1.12 * w, y + 0.01, x + 1.6 * w, y + 0.06)
    path.lineTo(x - 1.6 * w, y + 0.06)
    path.cubicTo(x - 1.12 * w, y + 0.01, x - w, y - 0.02, x - w, top)
    path.close()
    brush.fill(path, skin_shade(identity, 0.16), form=False)
    with brush.inside(path):
        # The head's own shadow: it lies still, as the light does.
        chin = identity.cy + identity.b
        brush.shade(skia.Path.Oval(skia.Rect.MakeLTRB(x - 1.1 * w, chin - 0.16, x + 1.3 * w, chin + 0.030)), skin_shade(identity, 0.42), 0.75, 0.014)


def _draw_clothes(brush: Brush, identity: Identity) -> None:
    x, s, y = identity.cx, identity.shoulder, COLLAR_Y
    collar = 0.54 * identity.a
    path = skia.Path()
    path.moveTo(x - s - 0.06, 1.1)
    path.cubicTo(x - s - 0.02, 0.90, x - 0.85 * s, y + 0.045, x - collar, y)
    path.quadTo(x, y + 0.085, x + collar, y)
    path.cubicTo(x + 0.85 * s, y + 0.045, x + s + 0.02, 0.90, x + s + 0.06, 1.1)
    path.close()
    brush.fill(path, identity.cloth)
    with brush.inside(path):
        dark = polygon([(x + 0.22 * s, 0.7), (x + 2 * s, 0.7), (x + 2 * s, 1.1), (x + 0.42 * s, 1.1)])
        brush.shade(dark, darker(identity.cloth, 0.30), 0.45, 0.05)
        _draw_trim(brush, identity, collar)
        for side in (-1, 1):
            fold = skia.Path()
            fold.moveTo(x + side * (s - 0.085), 1.02)
            fold.quadTo(x + side * (s - 0.075), 0.96, x + side * (s - 0.045), 0.935)
            brush.stroke(fold, darker(identity.cloth, 0.34), 0.007, 0.8)


def _draw_trim(brush: Brush, identity: Identity, collar: float) -> None:
    x, kind, y = identity.cx, identity.clothes, COLLAR_Y
    if kind == "stripes":
        for top in (0.895, 0.955):
            brush.flat(polygon([(0, top), (1, top), (1, top + 0.030), (0, top + 0.030)]), identity.cloth2)
    if kind == "vneck":
        brush.flat(polygon([(x - 0.86 * collar, y - 0.03), (x + 0.86 * collar, y - 0.03), (x, 0.985)]), skin_shade(identity, 0.10))
        edge = skia.Path()
        edge.moveTo(x - collar, y - 0.01)
        edge.lineTo(x, 0.985)
        edge.lineTo(x + collar, y - 0.01)
        brush.stroke(edge, identity.cloth2, 0.022)
    elif kind == "collar":
        for side in (-1, 1):
            leaf = [(x + side * 1.02 * collar, y - 0.028), (x + side * 0.012, y + 0.075), (x + side * 0.085, y + 0.135), (x + side * 1.42 * collar, y + 0.062)]
            brush.fill(polygon(leaf), lighter(identity.cloth2, 0.25), form=False)
    else:
        neck = skia.Path()
        neck.moveTo(x - collar, y)
        neck.quadTo(x, y + 0.085, x + collar, y)
        brush.stroke(neck, identity.cloth2 if kind in ("hoodie", "stripes") else darker(identity.cloth, 0.25), 0.034)
    if kind == "hoodie":
        for side in (-1, 1):
            cord = skia.Path()
            cord.moveTo(x + side * 0.058, 0.905)
            cord.lineTo(x + side * 0.066, 0.99)
            brush.stroke(cord, lighter(identity.cloth2, 0.45), 0.012)
