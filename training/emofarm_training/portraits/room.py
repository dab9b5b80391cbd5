"""What never moves: the background, the shoulders, the clothes and the neck."""

from __future__ import annotations

import math

import skia

from .brush import Brush, polygon
from .identity import Identity
from .palette import argb, darker, lighter, mix


def draw_room(canvas: skia.Canvas, identity: Identity) -> None:
    """Draws the still layer on the unit square."""
    _draw_background(canvas, identity)
    brush = Brush(canvas, identity.style)
    _draw_neck(brush, identity)
    _draw_clothes(brush, identity)


def _draw_background(canvas: skia.Canvas, identity: Identity) -> None:
    kind, one = identity.background, identity.back1
    two = mix(one, identity.back2, 0.5)
    paint = skia.Paint(AntiAlias=True, Color=argb(one))
    if kind == "gradient":
        ends = [skia.Point(0.5, 0), skia.Point(0.5, 1)]
        paint.setShader(skia.GradientShader.MakeLinear(ends, [argb(one), argb(identity.back2)]))
    elif kind == "halo":
        tones = [argb(lighter(one, 0.5)), argb(darker(one, 0.12))]
        paint.setShader(skia.GradientShader.MakeRadial(skia.Point(identity.cx, identity.cy), 0.72, tones))
    canvas.drawRect(skia.Rect.MakeWH(1, 1), paint)
    brush = Brush(canvas, "flat")
    if kind == "dots":
        for row in range(-1, 8):
            for column in range(-1, 8):
                shift = 0.08 * (row % 2) + 0.1 * identity.back_phase
                brush.oval(0.16 * column + shift, 0.16 * row + 0.05, 0.026, 0.026, two)
    elif kind == "stripes":
        slant = 0.3 * (identity.back_phase - 0.5)
        for column in range(-3, 13, 2):
            x = 0.1 * column + 0.1 * identity.back_phase
            brush.flat(polygon([(x + slant, 0), (x + 0.1 + slant, 0), (x + 0.1 - slant, 1), (x - slant, 1)]), two)
    elif kind == "hills":
        _draw_hills(brush, identity)
    elif kind == "panel":
        x = 0.08 + 0.6 * identity.back_phase
        box = skia.Rect.MakeLTRB(x, 0.08, x + 0.3, 0.5)
        brush.flat(skia.Path.RRect(skia.RRect.MakeRectXY(box, 0.02, 0.02)), lighter(identity.back2, 0.25))
        brush.stroke(skia.Path.RRect(skia.RRect.MakeRectXY(box, 0.02, 0.02)), darker(one, 0.25), 0.012)


def _draw_hills(brush: Brush, identity: Identity) -> None:
    for layer, base in enumerate((0.55, 0.7)):
        path = skia.Path()
        path.moveTo(-0.05, 1.05)
        phase = 2 * math.pi * (identity.back_phase + 0.37 * layer)
        for i in range(23):
            x = -0.05 + i * 0.05
            path.lineTo(x, base + 0.07 * math.sin(4.2 * x + phase))
        path.lineTo(1.05, 1.05)
        path.close()
        brush.flat(path, mix(identity.back2, (96, 150, 120), 0.25 + 0.3 * layer))


def _draw_neck(brush: Brush, identity: Identity) -> None:
    x, top = identity.cx, identity.cy + 0.6 * identity.b
    w = 0.40 * identity.a
    path = skia.Path()
    path.moveTo(x - w, top)
    path.lineTo(x + w, top)
    path.cubicTo(x + w, 0.84, x + 1.15 * w, 0.86, x + 1.6 * w, 0.90)
    path.lineTo(x - 1.6 * w, 0.90)
    path.cubicTo(x - 1.15 * w, 0.86, x - w, 0.84, x - w, top)
    path.close()
    brush.fill(path, darker(identity.skin, 0.14), form=False)


def _draw_clothes(brush: Brush, identity: Identity) -> None:
    x, s = identity.cx, identity.shoulder
    collar = 0.5 * identity.a
    path = skia.Path()
    path.moveTo(x - s - 0.06, 1.1)
    path.cubicTo(x - s - 0.03, 0.93, x - 0.8 * s, 0.885, x - collar, 0.855)
    path.quadTo(x, 0.93, x + collar, 0.855)
    path.cubicTo(x + 0.8 * s, 0.885, x + s + 0.03, 0.93, x + s + 0.06, 1.1)
    path.close()
    brush.fill(path, identity.cloth)
    canvas = brush.canvas
    canvas.save()
    canvas.clipPath(path, skia.ClipOp.kIntersect, True)
    _draw_trim(brush, identity, collar)
    canvas.restore()


def _draw_trim(brush: Brush, identity: Identity, collar: float) -> None:
    x, kind = identity.cx, identity.clothes
    if kind == "stripes":
        for y in (0.90, 0.955):
            brush.flat(polygon([(0, y), (1, y), (1, y + 0.028), (0, y + 0.028)]), identity.cloth2)
    elif kind == "vneck":
        brush.flat(polygon([(x - 0.8 * collar, 0.82), (x + 0.8 * collar, 0.82), (x, 1.0)]), darker(identity.skin, 0.06))
    elif kind == "collar":
        for side in (-1, 1):
            leaf = [(x + side * collar, 0.83), (x + side * 0.02, 0.93), (x + side * 0.08, 0.99), (x + side * 1.35 * collar, 0.92)]
            brush.fill(polygon(leaf), lighter(identity.cloth2, 0.35), form=False)
    else:
        neck = skia.Path()
        neck.moveTo(x - collar, 0.855)
        neck.quadTo(x, 0.93, x + collar, 0.855)
        brush.stroke(neck, identity.cloth2 if kind == "hoodie" else darker(identity.cloth, 0.2), 0.03)
    if kind == "hoodie":
        for side in (-1, 1):
            cord = skia.Path()
            cord.moveTo(x + side * 0.055, 0.91)
            cord.lineTo(x + side * 0.06, 1.0)
            brush.stroke(cord, lighter(identity.cloth2, 0.5), 0.010)
