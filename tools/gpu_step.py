"""Times in PyTorch, on a card, the step that ``emofarm bench --only card`` times: 512 x 512, 16 frames, guided, bfloat16, attention by SDPA."""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "diffusion" / "benches" / "peers"))

import peers  # noqa: E402

FRAMES, EDGE, RUNS = 16, 64, 7


def moved(x: object) -> object:
    """Tensors, and whatever holds them, on the card."""
    if isinstance(x, torch.Tensor):
        return x.cuda()
    if isinstance(x, (list, tuple)):
        return type(x)(moved(item) for item in x)
    if dataclasses.is_dataclass(x):
        return dataclasses.replace(x, **{field.name: moved(getattr(x, field.name)) for field in dataclasses.fields(x)})
    return x


def main() -> None:
    torch.set_grad_enabled(False)
    temporal = dataclasses.replace(peers.CONFIG.temporal, clip_frames=FRAMES)
    peers.CONFIG = dataclasses.replace(peers.CONFIG, temporal=temporal)
    network, given = peers.build("clip", EDGE, torch.bfloat16)
    network, given = network.to(torch.bfloat16).eval().cuda(), moved(given)
    for name, layout in (("channels first", torch.contiguous_format), ("channels last", torch.channels_last)):
        network.to(memory_format=layout)
        spent = []
        for run in range(RUNS + 1):
            torch.cuda.synchronize()
            start = time.perf_counter()
            # The two sides of guidance, one after the other.
            network(*given)
            network(*given)
            torch.cuda.synchronize()
            if run:
                spent.append(time.perf_counter() - start)
        memory = torch.cuda.max_memory_allocated() >> 20
        print(f"PyTorch {torch.__version__}, bf16, {name}: {1e3 * statistics.median(spent):.1f} ms, {memory} MiB", flush=True)


if __name__ == "__main__":
    main()
