"""The networks that ``diffusion/benches/peers.rs`` times, in other engines; driven by it through standard input and output.

``peers.py PIECE SIZE ENGINE`` builds one network with random weights and answers each line of standard input with the
milliseconds that one run took, and the milliseconds of processor time of all its threads. ``PIECE`` is ``spatial``, ``clip`` or ``decode``, ``ENGINE`` is ``torch-f32``,
``torch-bf16`` (either with channels last, if that is faster here), or ``onnxruntime-f32``. With ``once`` behind the number of threads nothing runs before it is
asked for.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "training"))

from emofarm_training.network.attention import Attention  # noqa: E402
from emofarm_training.network.config import ModelConfig  # noqa: E402
from emofarm_training.network.denoiser import Conditions, DenoisingUNet  # noqa: E402
from emofarm_training.network.resnet import TimeEmbedding  # noqa: E402
from emofarm_training.network.spatial import SpatialTransformer  # noqa: E402
from emofarm_training.network.unet import LayerPlace, append, build_blocks  # noqa: E402
from emofarm_training.network.vae import Vae  # noqa: E402

CONFIG = ModelConfig.read(HERE.parents[1] / "src" / "trial" / "model.toml")
TOKENS, TOKEN = 77, 768


class Transformer(SpatialTransformer):
    """A spatial transformer that attends to tokens instead of a reference map."""

    def __init__(self, dim: int, heads: int, groups: int, ff_mult: int) -> None:
        super().__init__(dim, heads, groups, ff_mult, reference=True)
        self.transformer_blocks[0].attn2 = Attention(dim, heads, TOKEN)


class Spatial(nn.Module):
    """The plain network of Stable Diffusion 1.5."""

    def __init__(self) -> None:
        super().__init__()
        unet, width, latent = CONFIG.unet, CONFIG.unet.channels[0], CONFIG.vae.latent_channels
        self.time_embedding = TimeEmbedding(width)
        self.conv_in = nn.Conv2d(latent, width, 3, padding=1)

        def add(block: nn.Module, place: LayerPlace) -> None:
            append(block, "attentions", Transformer(place.channels, unet.heads, unet.norm_groups, unet.ff_mult))

        build_blocks(self, unet, 4 * width, add)
        # The level of the smallest maps has transformers in the middle only.
        del self.down_blocks[-1].attentions
        del self.up_blocks[0].attentions
        self.conv_norm_out = nn.GroupNorm(unet.norm_groups, width, eps=1e-5)
        self.conv_out = nn.Conv2d(width, latent, 3, padding=1)

    def forward(self, noisy: Tensor, step: Tensor, tokens: Tensor) -> Tensor:
        """``noisy`` (1, c, s, s), ``step`` (1,), ``tokens`` (1, rows, TOKEN)."""
        time = self.time_embedding(step)
        x = self.conv_in(noisy)
        skips = [x]

        def layer(block: nn.Module, index: int, x: Tensor) -> Tensor:
            x = block.resnets[index](x, time)
            return block.attentions[index](x, tokens) if hasattr(block, "attentions") else x

        for block in self.down_blocks:
            for index in range(len(block.resnets)):
                x = layer(block, index, x)
                skips.append(x)
            if hasattr(block, "downsamplers"):
                x = block.downsamplers[0](x)
                skips.append(x)
        x = layer(self.mid_block, 0, x)
        x = self.mid_block.resnets[1](x, time)
        for block in self.up_blocks:
            for index in range(len(block.resnets)):
                x = layer(block, index, torch.cat([x, skips.pop()], dim=1))
            if hasattr(block, "upsamplers"):
                x = block.upsamplers[0](x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


def map_sizes(edge: int) -> list[tuple[int, int]]:
    """Pixels and channels of each layer of the denoiser, in order."""
    unet = CONFIG.unet
    levels = [((edge >> level) ** 2, width) for level, width in enumerate(unet.channels)]
    down = [size for size in levels for _ in range(unet.layers_per_block)]
    up = [size for size in reversed(levels) for _ in range(unet.layers_per_block + 1)]
    return [*down, levels[-1], *up]


def build(piece: str, edge: int, dtype: torch.dtype) -> tuple[nn.Module, tuple]:
    """The network of ``piece`` and what it is given."""
    torch.manual_seed(0)
    noise = lambda *shape: torch.randn(*shape, dtype=dtype)  # noqa: E731
    step = torch.tensor([499])
    if piece == "spatial":
        return Spatial(), (noise(1, 4, edge, edge), step, noise(1, TOKENS, TOKEN))
    if piece == "decode":
        vae = Vae(CONFIG.vae)
        del vae.encoder
        vae.forward = vae.decode
        return vae, (noise(1, 4, edge, edge),)
    frames, motion = CONFIG.temporal.clip_frames, CONFIG.temporal.motion_frames
    sizes = map_sizes(edge)
    given = Conditions(
        reference_latent=noise(1, 4, edge, edge),
        reference=[noise(1, *size) for size in sizes],
        face=noise(1, CONFIG.unet.channels[0], edge, edge),
        audio=noise(1, frames, CONFIG.audio_layers.tokens, CONFIG.audio_layers.token_dim),
        motion=[noise(1, motion, *size) for size in sizes],
        speed=noise(1, frames, CONFIG.speed.token_dim),
    )
    return DenoisingUNet(CONFIG), (noise(1, frames, 4, edge, edge), step, given)


def median(run: Callable[[], object], times: int = 1) -> float:
    run()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def in_torch(piece: str, edge: int, dtype: torch.dtype, once: bool = False) -> tuple[Callable[[], object], str]:
    # Made in their own precision, so that no wider weights count as memory.
    torch.set_default_dtype(dtype)
    network, given = build(piece, edge, dtype)
    torch.set_default_dtype(torch.float32)
    network = network.to(dtype).eval()
    run = lambda: network(*given)  # noqa: E731
    if once:
        return run, "channels first"
    first = median(run)
    network.to(memory_format=torch.channels_last)
    last = median(run)
    if last < first:
        return run, "channels last"
    network.to(memory_format=torch.contiguous_format)
    return run, "channels first"


def export(piece: str, edge: int, path: Path) -> None:
    """Writes the network in the exchange format; its weights go into files beside it."""
    network, given = build(piece, edge, torch.float32)
    names = [f"x{i}" for i in range(len(given))]
    torch.onnx.export(network.eval(), given, str(path), input_names=names, opset_version=17, dynamo=False)


def in_onnxruntime(piece: str, edge: int) -> tuple[Callable[[], object], str]:
    import onnxruntime

    _, given = build(piece, edge, torch.float32)
    with tempfile.TemporaryDirectory() as temporary:
        # Exporting takes minutes: what is exported into a directory that is named stays there.
        path = Path(os.environ.get("EMOFARM_PEERS", temporary)) / f"{piece}-{edge}.onnx"
        if not path.exists():
            export(piece, edge, path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {f"x{i}": x.numpy() for i, x in enumerate(given)}
    feed = {item.name: feed[item.name] for item in session.get_inputs()}
    run = lambda: session.run(None, feed)  # noqa: E731
    run()
    return run, onnxruntime.__version__


def peak_memory() -> int:
    """Bytes. What the system counts of a process's resources begins with what the program that started it had; this does not."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def main() -> None:
    piece, size, engine, threads, *more = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    edge = int(size) // 8
    if engine == "onnxruntime-f32":
        run, how = in_onnxruntime(piece, edge)
    else:
        run, how = in_torch(piece, edge, torch.bfloat16 if engine == "torch-bf16" else torch.float32, "once" in more)
        how = f"{torch.__version__}, {how}"
    print(f"ready {how}", flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(peak_memory(), 0, flush=True)
            continue
        start, spent = time.perf_counter(), time.process_time()
        run()
        print((time.perf_counter() - start) * 1e3, (time.process_time() - spent) * 1e3, flush=True)


if __name__ == "__main__":
    main()
