"""Where things are in a portrait: face, mouth, and the pixels that never move."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.ndimage import binary_dilation

from .draw import Portraitist
from .eyes import eye_place
from .identity import Identity
from .mouth import GAPE, mouth_place
from .pose import Pose

Box = tuple[float, float, float, float]
"""x, y, width, height in units of the picture's edge."""

YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT = 20.0, 20.0, 20.0
"""No pose of a clip turns further than this, in degrees."""


def face_box(identity: Identity) -> Box:
    """Crown to chin and cheek to cheek at rest."""
    return identity.cx - identity.a, identity.cy - identity.b, 2 * identity.a, 2 * identity.b


def mouth_box(identity: Identity) -> Box:
    """A box around lips and opening at rest that holds every mouth shape."""
    x, y = mouth_place(identity)
    w = 1.35 * identity.mouth_width
    top = identity.cy + y - 0.28 * GAPE - 0.03
    return identity.cx + x - 0.5 * w, top, w, GAPE + 0.075


def eye_boxes(identity: Identity) -> list[Box]:
    """Boxes around both eyes at rest."""
    x, y = eye_place(identity, 1.0)
    w, h = 0.13, 0.11
    return [(identity.cx + side * x - 0.5 * w, identity.cy + y - 0.5 * h, w, h) for side in (-1.0, 1.0)]


def background_mask(identity: Identity, size: int) -> np.ndarray:
    """True at pixels ``[size, size]`` that no pose within the limits ever touches."""
    artist = Portraitist(identity, size)
    touched = np.zeros((size, size), bool)
    turns = product(*(np.linspace(-limit, limit, 5) for limit in (YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT)))
    for yaw, pitch, roll in turns:
        touched |= artist.head_alpha(Pose(yaw=yaw, pitch=pitch, roll=roll, open=1.0)) > 0
    margin = max(1, round(0.03 * size))
    return ~binary_dilation(touched, iterations=margin)
