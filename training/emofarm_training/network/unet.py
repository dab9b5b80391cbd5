"""The block structure that ReferenceNet and denoiser share: which layers there are, in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from .config import UNetConfig
from .resnet import Downsample, ResnetBlock, Upsample


@dataclass
class LayerPlace:
    """Where a layer stands: its width and whether it is the last of the network."""

    channels: int
    last: bool


class Block(nn.Module):
    """One level: ``resnets.N`` each followed by its attention layers, then ``downsamplers.0`` or ``upsamplers.0``.

    The attention layers (``attentions.N``, ``audio_modules.N``, ``motion_modules.N``) come from ``add``, which is
    called with the block and the place of each layer.
    """

    def __init__(
        self,
        widths: list[tuple[int, int]],
        time_dim: int,
        groups: int,
        add: Callable[[nn.Module, LayerPlace], None],
        resampler: str | None = None,
        last: bool = False,
    ) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([ResnetBlock(a, b, time_dim, groups) for a, b in widths])
        for index, (_, width) in enumerate(widths):
            add(self, LayerPlace(width, last and index == len(widths) - 1))
        width = widths[-1][1]
        if resampler == "down":
            self.downsamplers = nn.ModuleList([Downsample(width)])
        elif resampler == "up":
            self.upsamplers = nn.ModuleList([Upsample(width)])


def append(block: nn.Module, name: str, module: nn.Module) -> None:
    """Appends ``module`` to the list ``name`` of ``block``, making the list at the first call."""
    if not hasattr(block, name):
        setattr(block, name, nn.ModuleList())
    getattr(block, name).append(module)


def build_blocks(
    net: nn.Module, config: UNetConfig, time_dim: int, add: Callable[[nn.Module, LayerPlace], None]
) -> None:
    """Gives ``net`` its ``down_blocks``, ``mid_block`` and ``up_blocks``.

    Skips, in order: the output of ``conv_in``, of every down layer and of every downsampler; the up layers take
    them from the end, joined behind their input along channels. Mid block: resnet, attention layers, resnet.
    """
    widths, layers, groups = config.channels, config.layers_per_block, config.norm_groups
    skips = [widths[0]]
    net.down_blocks = nn.ModuleList()
    inner = widths[0]
    for level, width in enumerate(widths):
        pairs = [(inner if i == 0 else width, width) for i in range(layers)]
        final = level == len(widths) - 1
        net.down_blocks.append(Block(pairs, time_dim, groups, add, None if final else "down"))
        skips += [width] * layers + ([] if final else [width])
        inner = width
    net.mid_block = Block([(inner, inner)], time_dim, groups, add)
    net.mid_block.resnets.append(ResnetBlock(inner, inner, time_dim, groups))
    net.up_blocks = nn.ModuleList()
    for level, width in enumerate(reversed(widths)):
        pairs = []
        for _ in range(layers + 1):
            pairs.append((inner + skips.pop(), width))
            inner = width
        final = level == len(widths) - 1
        net.up_blocks.append(Block(pairs, time_dim, groups, add, None if final else "up", last=final))
