"""The moving part of a portrait."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True, slots=True)
class Pose:
    """Head rotation, mouth shape, lids and brows of one frame. The default is the portrait at rest."""

    yaw: float = 0.0
    """Degrees; positive turns the face to the right of the picture."""
    pitch: float = 0.0
    """Degrees; positive looks up."""
    roll: float = 0.0
    """Degrees; positive tilts clockwise as seen by the viewer."""
    open: float = 0.0
    """Opening between the lips, 0 (closed) to 1."""
    wide: float = 0.0
    """Lip spreading, -1 (narrow) to 1 (spread)."""
    round: float = 0.0
    """Lip rounding, 0 to 1."""
    teeth: float = 0.0
    """How much of the upper teeth shows, 0 to 1; with a small opening they rest on the lower lip (f, v)."""
    tongue: float = 0.0
    """How far the tongue is raised, 0 to 1."""
    blink: float = 0.0
    """0 (eyes open) to 1 (eyes shut)."""
    brow: float = 0.0
    """Brow raise, -1 (frown) to 1 (raised)."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Field names in the order of :meth:`as_tuple`; the columns of the data set's pose array."""
        return tuple(f.name for f in fields(cls))

    def as_tuple(self) -> tuple[float, ...]:
        """All values in field order."""
        return astuple(self)


REST = Pose()
