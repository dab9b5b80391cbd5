"""Puts a portrait together, back to front."""

from __future__ import annotations

import numpy as np
import skia

from .brush import Brush
from .eyes import draw_brows, draw_eyes
from .face import draw_ears, draw_face, draw_nose
from .geometry import HeadSpace
from .glasses import draw_glasses
from .hair import draw_hair_back, draw_hair_front, draw_hair_shadow
from .identity import Identity
from .mouth import draw_mouth
from .pose import Pose
from .room import draw_room


class Portraitist:
    """Draws one identity at one size; the still layer is drawn once."""

    def __init__(self, identity: Identity, size: int) -> None:
        self.identity = identity
        self.size = size
        self._pixels = np.zeros((size, size, 4), np.uint8)
        self._surface = skia.Surface(self._pixels)
        canvas = self._surface.getCanvas()
        canvas.scale(size, size)
        draw_room(canvas, identity)
        self._room = self._pixels.copy()

    def draw(self, pose: Pose) -> np.ndarray:
        """RGB uint8 ``[size, size, 3]``."""
        self._pixels[:] = self._room
        draw_head(self._surface.getCanvas(), self.identity, pose)
        return self._pixels[..., :3].copy()

    def head_alpha(self, pose: Pose) -> np.ndarray:
        """Where the head alone paints: uint8 coverage ``[size, size]``."""
        pixels = np.zeros((self.size, self.size, 4), np.uint8)
        canvas = skia.Surface(pixels).getCanvas()
        canvas.scale(self.size, self.size)
        draw_head(canvas, self.identity, pose)
        return pixels[..., 3]


def draw(identity: Identity, pose: Pose, size: int) -> np.ndarray:
    """One picture, RGB uint8 ``[size, size, 3]``. For films keep a :class:`Portraitist`."""
    return Portraitist(identity, size).draw(pose)


def draw_head(canvas: skia.Canvas, identity: Identity, pose: Pose) -> None:
    """Everything that moves, on a canvas scaled to the unit square."""
    space = HeadSpace(identity, pose)
    brush = Brush(canvas, identity.style)
    draw_hair_back(brush, identity, space)
    draw_ears(brush, identity, space)
    face = draw_face(brush, identity, pose, space)
    draw_hair_shadow(brush, identity, space, face)
    draw_mouth(brush, identity, pose, space)
    draw_nose(brush, identity, space)
    draw_eyes(brush, identity, pose, space)
    draw_brows(brush, identity, pose, space)
    draw_hair_front(brush, identity, space)
    draw_glasses(brush, identity, space)
