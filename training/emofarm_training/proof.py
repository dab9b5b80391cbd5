"""A proof at small scale, in minutes on a CPU: can a network read the head path from its noise, is a frame sharp after one or two
steps, does the mouth follow what it hears?

``python -m emofarm_training.proof --steps 200 --out FOLDER`` (``--without-path`` to compare). Stage ``image`` alone, on 64 pixels, with a linear
picture code in place of the autoencoder and the mouth shapes themselves in place of audio features: what is proven is the denoiser's part.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import laplace
from torch import Tensor

from .film_data import FilmBatches, FilmData, box_mask
from .loop import Loop, StageSettings
from .measure import correlation
from .network.config import AudioConfig, AudioLayersConfig, FaceLocatorConfig, ModelConfig, SamplerConfig, UNetConfig, VaeConfig
from .network.denoiser import Conditions
from .network.emo import Emo
from .patch_code import PatchCode
from .path import HeadPath, PathConfig
from .portraits import Identity, Portraitist, Pose, face_box, mouth_box
from .portraits.boxes import eye_boxes
from .sampler import sample_clip
from .schedule import add_path, mixed_noise
from .sheets import grid
from .speech.phonemes import CLASSES
from .speech.visemes import RATE, curves
from .stage_film import HELD_OUT, FilmRecipe, FilmStage

SIZE, PATCH, CHANNELS, FRAMES, FPS = 64, 8, 24, 24, 25
YAWS, OPENINGS = np.arange(-18.0, 18.1, 3.0), np.linspace(0, 1, 6)


def configuration(path: bool) -> ModelConfig:
    """A network that a busy CPU can train."""
    return ModelConfig(
        picture_size=SIZE,
        vae=VaeConfig(PATCH, [16], 1, CHANNELS, 8, [0.0] * CHANNELS, [1.0] * CHANNELS),
        audio=AudioConfig(channels=16, features=8),
        unet=UNetConfig([48, 64], 1, 2, 16, 2, concat_reference=True),
        audio_layers=AudioLayersConfig(2, 48),
        face_locator=FaceLocatorConfig([4, 8, 16, 16]),
        sampler=SamplerConfig(prediction="sample", relative_scale=0.7, path=PathConfig() if path else None),
    )


def mouths(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Mouth shapes [frames, 5] of made-up words: sounds of 60 to 160 ms, now and then a pause."""
    at, sounds = 0.0, []
    while at < frames / FPS:
        name = "sil" if rng.random() < 0.15 else str(rng.choice(CLASSES))
        length = float(rng.uniform(0.06, 0.16))
        sounds.append((name, at, at + length))
        at += length
    curve = curves(sounds, at)
    times = np.arange(frames) / FPS
    return np.stack([np.interp(times, np.arange(len(curve)) / RATE, curve[:, c]) for c in range(5)], axis=1)


class World:
    """Clips of drawn people: frames, poses, and what the network is told of them."""

    def __init__(self, clips: int, seed: int, path: bool) -> None:
        rng = np.random.default_rng(seed)
        reach = 2 * AudioLayersConfig().window + FRAMES
        self.artists = [Portraitist(Identity.sample(rng), SIZE) for _ in range(clips)]
        shapes = [mouths(rng, reach) for _ in range(clips)]
        speeds = rng.uniform(0.1, 1.2, clips)
        paths = [HeadPath(PathConfig(), rng) for _ in range(clips)]
        moments = [rng.uniform(0, 20) + np.arange(FRAMES) / FPS for _ in range(clips)]
        self.poses = []
        for shape, speed, track, times in zip(shapes, speeds, paths, moments, strict=True):
            rows = zip(track.rotation(times, speed), shape[2:-2], track.closure(times), strict=True)
            self.poses.append([Pose(*turn, *mouth, lid) for turn, mouth, lid in rows])
        self.frames = np.stack([[a.draw(p) for p in poses] for a, poses in zip(self.artists, self.poses, strict=True)])
        rest = np.stack([a.draw(Pose()) for a in self.artists])
        self.code = PatchCode(torch.from_numpy(self.frames[HELD_OUT:, ::6].reshape(-1, SIZE, SIZE, 3)), PATCH, CHANNELS)
        people = [a.identity for a in self.artists]
        self.data = FilmData(
            latents=self.encode(self.frames.reshape(-1, SIZE, SIZE, 3)).reshape(clips, FRAMES, CHANNELS, SIZE // PATCH, SIZE // PATCH),
            portraits=self.encode(rest),
            face=np.array([face_box(p) for p in people], np.float32),
            mouth=np.array([mouth_box(p) for p in people], np.float32),
            eyes=np.array([eye_boxes(p) for p in people], np.float32),
            features=np.stack([np.pad(shape, ((0, 0), (0, 3))) for shape in shapes]).astype(np.float32),
            path=np.stack([t.on_noise(m, s) for t, m, s in zip(paths, moments, speeds, strict=True)]).astype(np.float32) if path else None,
        )

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Latents of pictures (N, S, S, 3)."""
        return self.code.encode(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1).numpy()

    def decode(self, latents: Tensor) -> np.ndarray:
        """Pictures of latents (N, c, s, s), uint8."""
        patches = torch.einsum("nkij,kc->ncij", latents, torch.linalg.pinv(self.code.filters)) + self.code.mean.reshape(1, -1, 1, 1)
        x = torch.nn.functional.pixel_shuffle(patches, PATCH).clamp(-1, 1)
        return ((x + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


@torch.no_grad()
def draw(net: Emo, world: World, clip: int, steps: int) -> Tensor:
    """Latents of a held-out clip's frames."""
    data, generator = world.data, torch.Generator().manual_seed(clip)
    shape = data.latents.shape[2:]
    noise = mixed_noise(torch.randn((1, *shape), generator=generator), torch.randn((FRAMES, *shape), generator=generator), 0.9)
    if data.path is not None:
        noise = add_path(noise, torch.from_numpy(data.path[clip]))
    portrait = torch.from_numpy(data.portraits[clip : clip + 1])
    windows = torch.from_numpy(data.features[clip][np.arange(FRAMES)[:, None] + np.arange(5)])
    face = net.face_locator(box_mask(data.face[clip : clip + 1], SIZE))
    given = Conditions(portrait, net.reference_unet(portrait), face, net.audio_projection(windows)[None])
    return sample_clip(net, noise[None], given, steps, 1.0)[0]


def nearest(frame: np.ndarray, artist: Portraitist, poses: list[Pose]) -> int:
    """Which of the poses, drawn, is most like the frame."""
    return int(np.argmin([np.abs(artist.draw(p).astype(int) - frame).mean() for p in poses]))


def figures(world: World, films: list[np.ndarray]) -> dict[str, float]:
    """What is seen in films of the held-out clips, each [FRAMES, S, S, 3].

    ``explained``: share of the change against the portrait that is drawn, 1 is all, 0 the portrait alone. ``yaw``, ``mouth``: correlation of
    truth and the drawing that is most like the frame; compare them with those of the portrait alone, since clips are few and
    other turns of the head take part. ``sharpness``: against the coded truth.
    """
    yaws, opens, sharp, missed, change = [], [], [], 0.0, 0.0
    for clip, made in enumerate(films):
        coded = world.decode(torch.from_numpy(world.data.latents[clip])).astype(float)
        rest = world.decode(torch.from_numpy(world.data.portraits[clip : clip + 1])).astype(float)
        missed, change = missed + np.square(made - coded).mean(), change + np.square(rest - coded).mean()
        sharp.append(np.mean([laplace(m.mean(axis=2)).std() / laplace(c.mean(axis=2)).std() for m, c in zip(made.astype(float), coded, strict=True)]))
        artist = world.artists[clip]
        for frame, pose in list(zip(made, world.poses[clip], strict=True))[::4]:
            yaws.append((YAWS[nearest(frame, artist, [replace(pose, yaw=float(y)) for y in YAWS])], pose.yaw))
            opens.append((OPENINGS[nearest(frame, artist, [replace(pose, open=float(o)) for o in OPENINGS])], pose.open))
    seen = {"explained": 1 - missed / change, "yaw": correlation(*np.array(yaws).T), "mouth": correlation(*np.array(opens).T)}
    return {k: round(float(v), 3) for k, v in {**seen, "sharpness": np.mean(sharp)}.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Proves the recipe's ideas at small scale.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--steps", type=int, default=200, help="steps of training")
    parser.add_argument("--without-path", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    config = configuration(not args.without_path)
    world = World(args.clips, 1, not args.without_path)
    net = Emo(config).to(memory_format=torch.channels_last)
    settings = StageSettings(minutes=1e6, steps=args.steps, batch=3, lr=1.5e-3, final_lr=0.1, warmup=20, ema=0.97)
    stage = FilmStage("image", net, FilmRecipe(frames=8, audio=True), settings, torch.device("cpu"))
    batches = FilmBatches(world.data, config, 8, 0, True, 1, torch.device("cpu"))
    loop = Loop("image", net, settings, args.out, torch.device("cpu"))
    began = time.process_time()
    loop.run(lambda: stage.loss(batches.draw(settings.batch, HELD_OUT)))
    trained = round(time.process_time() - began)
    result: dict[str, object] = {"path": not args.without_path, "steps of training": loop.step, "processor seconds": trained}
    rest = [world.decode(torch.from_numpy(world.data.portraits[c : c + 1])).repeat(FRAMES, axis=0) for c in range(HELD_OUT)]
    result["the portrait alone"] = figures(world, rest)
    with loop.averaged():
        for steps in (1, 2):
            films = [world.decode(draw(net, world, clip, steps)) for clip in range(HELD_OUT)]
            result[f"{steps} steps"] = figures(world, films)
            truth = [world.decode(torch.from_numpy(world.data.latents[clip])) for clip in range(4)]
            rows = [list(x[::3]) for pair in zip(truth, films, strict=False) for x in pair]
            grid(rows).save(args.out / f"proof-{steps}.png")
    (args.out / "proof.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
