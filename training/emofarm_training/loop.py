"""One training loop for all stages: time budget, learning rate, EMA, log, checkpoint, resume."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from . import ranks


@dataclass
class StageSettings:
    """Settings of one stage, from ``demo.toml``; the stage ends after ``minutes`` or ``steps``, whichever is first.

    The learning rate rises over ``warmup`` steps and falls to ``final_lr`` of its peak along a cosine over the budget.
    """

    minutes: float = 10.0
    steps: int = 1_000_000
    batch: int = 16
    lr: float = 1e-3
    final_lr: float = 0.03
    warmup: int = 100
    weight_decay: float = 0.01
    ema: float = 0.995
    clip_norm: float = 1.0
    save_every_s: float = 120.0
    sample_every_s: float = 300.0
    seed: int = 1
    people: int = 2500
    """People whose pictures the autoencoder sees."""
    fresh: int = 0
    """Last latent channels that the pack ``init`` did not have: at first they are drawn to the linear picture code."""
    init: str = ""
    """Folder of a pack whose weights the stage begins with; empty: from chance."""
    deadline: float = math.inf
    """Moment of ``time.monotonic`` at which the stage breaks off, to be gone on with later."""


class Loop:
    """Trains the parameters of ``model`` that require gradients.

    The checkpoint ``<stage>.pt`` holds weights, EMA weights, optimizer, step and seconds spent, so that a stage that
    was stopped goes on where it was; its seconds count against the budget.
    """

    def __init__(self, stage: str, model: nn.Module, settings: StageSettings, folder: Path, device: torch.device) -> None:
        self.stage, self.model, self.settings, self.folder, self.device = stage, model, settings, folder, device
        self.named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.ema = {n: p.detach().clone() for n, p in self.named.items()}
        self.optimizer = torch.optim.AdamW(
            self.named.values(), lr=settings.lr, betas=(0.9, 0.99), weight_decay=settings.weight_decay, fused=True
        )
        self.step, self.seconds, self.mark = 0, 0.0, time.monotonic()
        self.average = ranks.Average()
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"{stage}.pt"
        if self.file.exists():
            self.resume()

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0 to 1."""
        return min(1.0, max(self.seconds / (60 * self.settings.minutes), self.step / self.settings.steps))

    def run(self, loss_of: Callable[[], dict[str, Tensor]], sample: Callable[[int], None] | None = None) -> None:
        """Steps until the budget is spent. ``loss_of`` gives the terms to log; ``loss`` is the one to minimise."""
        saved = sampled = self.mark = time.monotonic()
        writer = ranks.rank() == 0
        with (self.folder / f"{self.stage}.jsonl").open("a") as log:
            while self.progress < 1.0 and time.monotonic() < self.settings.deadline:
                terms = self.update(loss_of)
                if not writer:
                    continue
                line = {"stage": self.stage, "step": self.step, "seconds": round(self.seconds, 2), **terms}
                log.write(json.dumps(line) + "\n")
                log.flush()
                if self.step % 25 == 0:
                    print(" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in line.items()), flush=True)
                if time.monotonic() - saved > self.settings.save_every_s:
                    self.save()
                    saved = time.monotonic()
                if sample is not None and time.monotonic() - sampled > self.settings.sample_every_s:
                    with self.averaged():
                        sample(self.step)
                    sampled = time.monotonic()
        if writer:
            self.save()
            if sample is not None and self.progress >= 1.0:
                with self.averaged():
                    sample(self.step)

    def update(self, loss_of: Callable[[], dict[str, Tensor]]) -> dict[str, float]:
        """One optimizer step; a step whose gradient is not finite is left out."""
        rate = self.rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        terms = loss_of()
        self.optimizer.zero_grad(set_to_none=True)
        terms["loss"].backward()
        now = time.monotonic()
        # The time spent is averaged too, so that all processes end after the same step.
        gradients = [p.grad for p in self.named.values() if p.grad is not None]
        self.seconds = self.average(gradients, self.seconds + now - self.mark)
        self.mark = now
        norm = torch.nn.utils.clip_grad_norm_(self.named.values(), self.settings.clip_norm)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.values()), [p.detach() for p in self.named.values()], 1 - decay)
        return {**{k: round(v.detach().item(), 6) for k, v in terms.items()}, "norm": round(norm.item(), 4), "lr": rate}

    def rate(self) -> float:
        """Learning rate of this step."""
        s = self.settings
        fall = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * self.progress)).item())
        return s.lr * min(1.0, (self.step + 1) / s.warmup) * (s.final_lr + (1 - s.final_lr) * fall)

    def averaged(self) -> Averaged:
        """Context in which the model has its EMA weights and is not training."""
        return Averaged(self)

    def save(self) -> None:
        """Writes the checkpoint; a stopped run never leaves half a file."""
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "weights": {n: p.detach().cpu() for n, p in self.named.items()},
            "ema": {n: p.cpu() for n, p in self.ema.items()},
            "optimizer": self.optimizer.state_dict(),
            "done": self.progress >= 1.0,
        }
        part = self.file.with_suffix(".part")
        torch.save(state, part)
        part.rename(self.file)

    def resume(self) -> None:
        """Takes weights, optimizer and budget from the checkpoint."""
        state = torch.load(self.file, map_location=self.device, weights_only=True)
        self.step, self.seconds = state["step"], state["seconds"]
        with torch.no_grad():
            for name, parameter in self.named.items():
                parameter.copy_(state["weights"][name])
                self.ema[name].copy_(state["ema"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        for group in self.optimizer.param_groups:
            group["fused"] = True  # a checkpoint says how its own run stepped
        print(f"{self.stage}: resumed at step {self.step}, {self.seconds:.0f} s spent", flush=True)


class Averaged:
    """Swaps EMA weights in on entry and out on exit."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def __enter__(self) -> None:
        self.kept = {n: p.detach().clone() for n, p in self.loop.named.items()}
        self.copy(self.loop.ema)
        self.loop.model.eval()

    def __exit__(self, *_: object) -> None:
        self.copy(self.kept)
        self.loop.model.train()

    @torch.no_grad()
    def copy(self, source: dict[str, Tensor]) -> None:
        for name, parameter in self.loop.named.items():
            parameter.copy_(source[name])


def load_ema(model: nn.Module, file: Path) -> dict[str, float]:
    """Puts a finished stage's EMA weights into ``model``; tells its steps and seconds."""
    state = torch.load(file, map_location="cpu", weights_only=True)
    missing = model.load_state_dict(state["ema"], strict=False)
    if missing.unexpected_keys:
        raise ValueError(f"{file}: tensors that the network does not have: {missing.unexpected_keys[:3]}; train again")
    return {"steps": state["step"], "seconds": state["seconds"]}


@torch.no_grad()
def begin_from(module: nn.Module, pack: str, prefix: str = "") -> int:
    """Copies a pack's weights ``prefix + name`` wherever name and shape fit; tells how many. An empty ``pack`` copies none.

    What does not fit keeps its own beginning, so that sizes may change between trainings.
    """
    if not pack:
        return 0
    known = load_file(Path(pack) / "model.safetensors")
    mine = module.state_dict()
    fitting = {n: known[prefix + n] for n, v in mine.items() if prefix + n in known and known[prefix + n].shape == v.shape}
    for name, value in fitting.items():
        mine[name].copy_(value)
    print(f"{len(fitting)} of {len(mine)} tensors begin as in {pack}", flush=True)
    if not fitting:
        raise ValueError(f"{pack}: no tensor of this pack fits this network; give a pack of the same sizes")
    return len(fitting)


def stage_done(folder: Path, stage: str) -> bool:
    """True if the stage's checkpoint says that its budget was spent."""
    file = folder / f"{stage}.pt"
    return file.exists() and torch.load(file, map_location="cpu", weights_only=True)["done"]
