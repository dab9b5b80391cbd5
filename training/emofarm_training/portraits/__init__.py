"""Parametric drawn portraits: the whole visual world that the demo model knows.

An :class:`Identity` fixes everything that stays the same over a film, a :class:`Pose` everything that
moves. :class:`Portraitist` draws one identity at one size, frame after frame; shoulders and background
are drawn once and never change.
"""

from .boxes import background_mask, face_box, mouth_box
from .draw import Portraitist, draw
from .identity import Identity
from .mouth import mouth_open
from .pose import Pose

__all__ = ["Identity", "Portraitist", "Pose", "background_mask", "draw", "face_box", "mouth_box", "mouth_open"]
