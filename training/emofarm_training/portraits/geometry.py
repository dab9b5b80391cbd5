"""The turning head: an ellipsoid seen from far away (orthographic), with features on its surface.

Head coordinates: origin at the centre of the face at rest, x to the right of the picture, y down, z to
the viewer, all in units of the picture's edge.
"""

from __future__ import annotations

import math

import numpy as np
import skia

from .identity import Identity
from .pose import Pose


class HeadSpace:
    """Maps head coordinates of one identity in one pose to picture coordinates."""

    def __init__(self, identity: Identity, pose: Pose) -> None:
        self.identity = identity
        yaw, pitch, roll = (math.radians(v) for v in (pose.yaw, pose.pitch, pose.roll))
        self.rotation = _rotation(yaw, pitch, roll)
        # The neck joint: nods and tilts turn about it, so the crown travels further than the chin.
        self.pivot = np.array([0.0, 0.75 * identity.b, -0.25 * identity.a])
        self.centre = np.array([identity.cx, identity.cy])
        self._radii = (1.25 * identity.a, 1.2 * identity.b, 0.95 * identity.a)

    def points(self, xyz: np.ndarray) -> np.ndarray:
        """Picture coordinates ``[n, 2]`` of head coordinates ``[n, 3]``."""
        turned = (np.asarray(xyz, float) - self.pivot) @ self.rotation.T + self.pivot
        return turned[:, :2] + self.centre

    def depth(self, x: float, y: float) -> float:
        """z of the face surface over (x, y)."""
        rx, ry, rz = self._radii
        return rz * math.sqrt(max(0.0, 1.0 - (x / rx) ** 2 - (y / ry) ** 2))

    def affine(self, x: float, y: float, lift: float = 0.0) -> np.ndarray:
        """``[2, 3]`` matrix of the tangent plane at (x, y): local feature coordinates to the picture.

        ``lift`` raises the plane towards the viewer (nose tip, glasses).
        """
        rx, ry, rz = self._radii
        z = self.depth(x, y)
        steep = max(z, 0.35 * rz)  # near the rim the true slope would fold the feature
        slope = np.array([[1.0, 0.0], [0.0, 1.0], [-(rz**2) * x / (rx**2 * steep), -(rz**2) * y / (ry**2 * steep)]])
        origin = self.points(np.array([[x, y, z + lift]]))[0]
        return np.column_stack([self.rotation[:2] @ slope, origin])

    def patch(self, x: float, y: float, lift: float = 0.0) -> skia.Matrix:
        """:meth:`affine` as Skia wants it."""
        m = self.affine(x, y, lift)
        return skia.Matrix.MakeAll(m[0, 0], m[0, 1], m[0, 2], m[1, 0], m[1, 1], m[1, 2], 0.0, 0.0, 1.0)




def _rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation matrix: yaw first, then pitch, then roll."""
    cy, sy, cp, sp, cr, sr = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch), math.cos(roll), math.sin(roll)
    by_yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    by_pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    by_roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return by_roll @ by_pitch @ by_yaw
