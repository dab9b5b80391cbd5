"""What a film shows, measured from its pixels alone: how far the mouth opens, how still the background is."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation

from .portraits.boxes import Box
from .portraits.mouth import TEETH
from .portraits.palette import MOUTH_INTERIOR

REACH = 0.075
"""How far a turning head may carry the mouth out of its box at rest, in units of the edge."""
DARK_NEAR, DARK_FAR = 18.0, 55.0
"""RGB distance from the interior's colour that counts fully, and from which nothing counts."""
TEETH_NEAR, TEETH_FAR = 14.0, 36.0


def mouth_opening(frames: np.ndarray, mouth_box: Box, *, teeth: bool = True) -> np.ndarray:
    """Opening of each frame of ``frames [n, H, W, 3]`` uint8 as a fraction of the picture's area.

    Counts pixels of the dark interior by colour distance with soft borders, inside ``mouth_box`` grown
    by :data:`REACH`; with ``teeth`` also tooth-white pixels that touch the dark. Blur and codecs only
    soften the count. The result is proportional to the opening, so it is compared by correlation.
    """
    height, width = frames.shape[1:3]
    x0, x1 = _span(mouth_box[0], mouth_box[2], width)
    y0, y1 = _span(mouth_box[1], mouth_box[3], height)
    reach = max(1, round(0.02 * width))
    return np.array([_open_pixels(f[y0:y1, x0:x1], reach, teeth) for f in frames]) / (height * width)


def _open_pixels(crop: np.ndarray, reach: int, teeth: bool) -> float:
    """Soft count of interior (and tooth) pixels of ``crop [h, w, 3]``."""
    dark = _membership(crop, MOUTH_INTERIOR, DARK_NEAR, DARK_FAR)
    if not teeth:
        return float(dark.sum())
    near = binary_dilation(dark > 0.25, iterations=reach)
    white = _membership(crop, TEETH, TEETH_NEAR, TEETH_FAR)
    return float(dark.sum() + (white * near).sum())


def _membership(pixels: np.ndarray, colour: tuple[int, int, int], near: float, far: float) -> np.ndarray:
    distance = np.linalg.norm(pixels.astype(np.float32) - np.array(colour, np.float32), axis=-1)
    return np.clip((far - distance) / (far - near), 0.0, 1.0)


def _span(start: float, length: float, size: int, reach: float = REACH) -> tuple[int, int]:
    return max(0, int((start - reach) * size)), min(size, int(np.ceil((start + length + reach) * size)))


def background_motion(frames: np.ndarray, mask: np.ndarray, portrait: np.ndarray | None = None) -> dict[str, float]:
    """Unrest of the pixels ``mask [H, W]`` of ``frames [n, H, W, 3]`` uint8, in 1/255.

    ``frame_to_frame``: mean absolute change from frame to frame; ``worst_pixel``: the largest such mean
    of any pixel; ``against_portrait``: the largest mean absolute difference of any frame from the portrait.
    """
    still = frames[:, mask].astype(np.float32)
    step = np.abs(np.diff(still, axis=0))
    found = {"frame_to_frame": float(step.mean()), "worst_pixel": float(step.mean(axis=(0, 2)).max())}
    if portrait is not None:
        away = np.abs(still - portrait[mask].astype(np.float32))
        found["against_portrait"] = float(away.mean(axis=(1, 2)).max())
    return found


def outside_error(frames: np.ndarray, true: np.ndarray, boxes: list[Box]) -> float:
    """Mean absolute colour difference of ``[n, H, W, 3]`` films outside of ``boxes`` grown by 0.03 of the edge, of 255."""
    height, width = frames.shape[1:3]
    outside = np.ones((height, width), bool)
    for x, y, w, h in boxes:
        x0, x1 = _span(x, w, width, 0.03)
        y0, y1 = _span(y, h, height, 0.03)
        outside[y0:y1, x0:x1] = False
    return float(np.mean([np.abs(a.astype(np.int16) - b)[outside].mean() for a, b in zip(frames, true, strict=True)]))


def correlation(measured: np.ndarray, truth: np.ndarray) -> float:
    """Pearson's r; 0 where one of the two does not vary."""
    if measured.std() < 1e-12 or truth.std() < 1e-12:
        return 0.0
    return float(np.corrcoef(measured, truth)[0, 1])


def best_lag(measured: np.ndarray, truth: np.ndarray, reach: int = 8) -> tuple[int, float]:
    """Frames by which ``measured`` comes late (negative: early), and the correlation there."""
    found = [(correlation(*_shifted(measured, truth, lag)), lag) for lag in range(-reach, reach + 1)]
    best, lag = max(found, key=lambda pair: pair[0])
    return lag, best


def _shifted(measured: np.ndarray, truth: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    if lag >= 0:
        return measured[lag:], truth[: len(truth) - lag]
    return measured[:lag], truth[-lag:]
