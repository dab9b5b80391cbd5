"""The whole recipe in one command: drawing, speech, all stages, export, evaluation.

``python -m emofarm_training.make --work DIR --out models/demo`` uses a GPU if there is one. Everything is kept in DIR: the same
command goes on where it was stopped, by ``--limit`` (minutes), by a signal or by a crash.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .export import export
from .loop import stage_done
from .pictures import draw_faces
from .sheets import loss_curves
from .train import STAGES, choose_device, run_stage, settings_of

WAITS_FOR = {"audio": "speech", "image": "clips"}
"""What must be drawn before a stage begins; the autoencoder trains while the rest is drawn."""


@dataclass(frozen=True)
class Work:
    """One run of the recipe: where, with what, for how long."""

    config: Path
    folder: Path
    out: Path
    device: torch.device
    workers: int
    init: str
    scale: float
    limit: float

    @property
    def data(self) -> Path:
        """Clips, speech and held-out cases."""
        return self.folder / "data"

    @property
    def runs(self) -> Path:
        """Checkpoints, logs, sheets."""
        return self.folder / "runs"

    def spent(self) -> bool:
        """Whether the time limit has passed."""
        return time.monotonic() > self.limit


def say(text: str) -> None:
    """One line with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def drawers(work: Work, sizes: dict[str, int]) -> dict[str, subprocess.Popen[bytes]]:
    """Starts what draws the data, beside the first stage; whole shards of an earlier run are kept."""
    seed, workers = ["--seed", str(sizes["seed"])], ["--workers", str(work.workers)]
    orders = {
        "speech": ["dataset", "--audio-only", "--out", f"{work.data}/audio", "--minutes", str(sizes["speech_minutes"]), *seed, *workers],
        "clips": ["dataset", "--out", f"{work.data}/train", "--clips", str(sizes["clips"]), "--frames", str(sizes["frames"]),
                  "--size", str(sizes["size"]), *seed, *workers, *(["--still"] if sizes["still"] else [])],
        "heldout": ["heldout", "--out", f"{work.data}/heldout", "--count", str(sizes["heldout"]), "--size", str(2 * sizes["size"])],
    }  # fmt: skip
    work.data.mkdir(parents=True, exist_ok=True)
    started = {}
    for name, order in orders.items():
        log = (work.data / f"{name}.log").open("a")
        module, *rest = order
        started[name] = subprocess.Popen(
            [sys.executable, "-m", f"emofarm_training.{module}", *rest], stdout=log, stderr=log, start_new_session=True
        )
    return started


def wait_for(name: str, drawer: subprocess.Popen[bytes], work: Work) -> bool:
    """True once the data are there; False when the time is up before."""
    while drawer.poll() is None:
        if work.spent():
            return False
        time.sleep(0.5)
    if drawer.returncode != 0:
        raise SystemExit(f"{name} could not be drawn; {work.data}/{name}.log says why. What is whole is kept: run again")
    say(f"{name}: drawn")
    return True


def stop(drawer: subprocess.Popen[bytes]) -> None:
    """Ends a drawer with all of its processes; what they have not finished is drawn again next time."""
    if drawer.poll() is None:
        os.killpg(drawer.pid, signal.SIGTERM)
        drawer.wait()


def train(work: Work, table: dict[str, Any], started: dict[str, subprocess.Popen[bytes]]) -> bool:
    """All stages that are not done; False when the time was up before the end."""
    for stage in STAGES:
        if stage_done(work.runs, stage):
            say(f"{stage}: done, passed over")
            continue
        needed = WAITS_FOR.get(stage)
        if work.spent() or (needed and not wait_for(needed, started[needed], work)):
            return False
        say(f"{stage}: begins")
        run_stage(stage, table, work.data, work.runs, work.device, work.init, work.limit, work.scale)
        loss_curves(work.runs, work.runs / "losses.png")
        if not stage_done(work.runs, stage):
            return False
    return True


def finish(work: Work, started: dict[str, subprocess.Popen[bytes]]) -> None:
    """Exports, scores the pack on held-out films, and exports once more with the figures."""
    export(work.config, work.runs, work.out, {}, work.init)
    say(f"pack in {work.out}")
    while not wait_for("heldout", started["heldout"], work):
        if work.spent():
            raise SystemExit("the time is up before the evaluation; run the same command again")
    figures = work.runs / "figures.json"
    score = ["--pack", str(work.out), "--heldout", f"{work.data}/heldout", "--out", str(figures), "--sheet", f"{work.runs}/heldout.png"]
    score += ["--count", str(len(list((work.data / "heldout").glob("truth_*.json")))), "--device", work.device.type]
    subprocess.run([sys.executable, "-m", "emofarm_training.evaluate", *score], check=True)
    export(work.config, work.runs, work.out, json.loads(figures.read_text()), work.init)


def make(work: Work) -> bool:
    """The whole recipe; False when the time was up before the end."""
    table = tomllib.loads(work.config.read_text())
    still = table["sampler"].get("path", {}).get("after_decoding", False)
    sizes = {**table["data"], "size": table["picture"]["size"], "still": still}
    people = settings_of(table, "vae", work.device).get("people", 2500)
    say(f"{work.device.type}, {work.workers} processes draw")
    draw_faces(work.runs / "pictures", sizes["size"], settings_of(table, "vae", work.device).get("seed", 1), people, work.workers)
    say("pictures: drawn")
    started = drawers(work, sizes)
    try:
        whole = train(work, table, started)
        if whole:
            finish(work, started)
    finally:
        for drawer in started.values():
            stop(drawer)
    return whole


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Makes a model pack: draws, trains, exports, scores.")
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "demo.toml")
    parser.add_argument("--work", type=Path, required=True, help="folder for data, checkpoints and sheets")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves the choice to PyTorch")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="processes that draw")
    parser.add_argument("--limit", type=float, default=float("inf"), help="minutes after which it stops, to be gone on with later")
    parser.add_argument("--scale", type=float, default=1.0, help="budgets of all stages are so many times as long")
    parser.add_argument("--init-from", default="", help="folder of a pack whose weights the stages begin with")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    limit = time.monotonic() + 60 * args.limit
    work = Work(args.config, args.work, args.out, choose_device(args.device), args.workers, args.init_from, args.scale, limit)
    if not make(work):
        raise SystemExit(f"{args.limit:g} minutes are over; the same command goes on from here")
    say("done")


if __name__ == "__main__":
    main()
