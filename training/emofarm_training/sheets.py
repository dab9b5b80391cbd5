"""Pictures to look at: sample sheets and loss curves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor


def to_picture(x: Tensor) -> np.ndarray:
    """(3, S, S) in [-1, 1] to uint8 (S, S, 3)."""
    return ((x.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()


def grid(rows: list[list[np.ndarray]]) -> Image.Image:
    """Rows of equal pictures as one image."""
    return Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0))


def loss_curves(runs: Path, out: Path) -> None:
    """One panel for each stage's log in ``runs``, smoothed, over minutes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    logs = [(s, runs / f"{s}.jsonl") for s in ("vae", "audio", "decoder", "image", "video", "speed")]
    logs = [(stage, file) for stage, file in logs if file.exists()]
    figure, axes = plt.subplots(1, len(logs), figsize=(4 * len(logs), 3), squeeze=False)
    for axis, (stage, file) in zip(axes[0], logs, strict=True):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        loss = np.array([line["loss"] for line in lines])
        width = max(1, min(50, len(loss) // 5))
        smooth = np.convolve(loss, np.ones(width) / width, mode="valid")
        axis.plot([line["seconds"] / 60 for line in lines][width - 1 :], smooth)
        axis.set(title=f"{stage}, {lines[-1]['step']} steps", xlabel="minutes", yscale="log")
    figure.tight_layout()
    figure.savefig(out, dpi=90)
    plt.close(figure)
