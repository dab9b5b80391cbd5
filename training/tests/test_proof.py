"""What the proof measures: on frames whose pose is known it must find that pose, and without a path nothing of it on the noise."""

from dataclasses import replace

import numpy as np
import torch
from emofarm_training.proof import YAWS, World, configuration, mouths, nearest


def test_the_yaw_of_coded_drawings_is_found() -> None:
    world = World(10, 2, path=True)
    seen, true = [], []
    for clip in (0, 1):
        coded = world.decode(torch.from_numpy(world.data.latents[clip]))
        for frame, pose in list(zip(coded, world.poses[clip], strict=True))[::4]:
            seen.append(YAWS[nearest(frame, world.artists[clip], [replace(pose, yaw=float(y)) for y in YAWS])])
            true.append(pose.yaw)
    assert np.abs(np.subtract(seen, np.clip(true, -18, 18))).mean() < 1.5
    assert np.abs(world.data.path[..., :3]).max() > 0.1


def test_without_a_path_the_noise_says_nothing() -> None:
    assert World(9, 2, path=False).data.path is None
    assert configuration(path=False).sampler.path is None and configuration(path=True).sampler.path is not None


def test_made_up_words_move_the_mouth() -> None:
    shapes = mouths(np.random.default_rng(1), 100)
    assert shapes.shape == (100, 5) and shapes[:, 0].max() > 0.6 and shapes[:, 0].min() < 0.1
