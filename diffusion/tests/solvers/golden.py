"""Golden numbers of the solvers, written down from the papers and not from the program: `python golden.py > golden.json`.

The latents are Gaussian, so that the best prediction of the clean latent is known; the schedule is the network's: betas linear in their roots,
rescaled to zero terminal SNR, trailing steps, the last step to the clean latent. Every integral of the papers is taken numerically.
"""

import json
import math

import numpy as np
from scipy.integrate import quad

MEAN = np.array([0.7, -1.3, 0.05, 2.0])
SPREAD = np.array([0.3, 1.0, 0.05, 1.7])
NOISE = np.array([1.1, -0.4, 0.9, -2.2])
TRAIN = 1000


def shares() -> np.ndarray:
    roots = np.sqrt(np.cumprod(1 - np.linspace(math.sqrt(0.00085), math.sqrt(0.012), TRAIN) ** 2))
    roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    return roots**2


def course(steps: int) -> list[float]:
    kept = [round(TRAIN - i * TRAIN / steps) - 1 for i in range(steps)]
    return [*(shares()[t] for t in kept), 1.0]


def denoised(x: np.ndarray, a: float) -> np.ndarray:
    """The mean of the clean latent given x = sqrt(a) x0 + sqrt(1-a) eps."""
    gain = SPREAD**2 * math.sqrt(a) / (a * SPREAD**2 + 1 - a)
    return MEAN + gain * (x - math.sqrt(a) * MEAN)


def log_ratio(a: float) -> float:
    if a == 0:
        return -math.inf
    return math.inf if a == 1 else 0.5 * math.log(a / (1 - a))


def first_order(x, prediction, a, b):
    """The step from share a to share b with a constant prediction: sigma_b/sigma_a x + (alpha_b - alpha_a sigma_b/sigma_a) x0."""
    ratio = math.sqrt((1 - b) / (1 - a))
    weight = math.sqrt(b) - math.sqrt(a) * ratio
    return ratio * x + weight * prediction, weight


def dpm(steps: int) -> np.ndarray:
    levels, x, before = course(steps), NOISE, None
    for a, b in zip(levels, levels[1:]):
        x0 = denoised(x, a)
        h, d = log_ratio(b) - log_ratio(a), x0
        if before is not None and math.isfinite(h) and math.isfinite(before[1]):
            d = x0 + h / (2 * (log_ratio(a) - before[1])) * (x0 - before[0])
        x, _ = first_order(x, d, a, b)
        before = (x0, log_ratio(a))
    return x


def integral(k: int, h: float) -> float:
    """phi_k(-h), the integral of e^(-h(1-u)) u^(k-1) / (k-1)! over 0..1."""
    return quad(lambda u: math.exp(-h * (1 - u)) * u ** (k - 1) / math.factorial(k - 1), 0, 1, epsabs=1e-14)[0]


def unipc(steps: int) -> np.ndarray:
    levels, x = course(steps), NOISE
    before, m0 = None, denoised(NOISE, levels[0])
    for i, (a, b) in enumerate(zip(levels, levels[1:])):
        here, h = log_ratio(a), log_ratio(b) - log_ratio(a)
        base, weight = first_order(x, m0, a, b)
        finite = math.isfinite(h)
        history = before if finite and before is not None and math.isfinite(before[1]) else None
        guess = base
        if history is not None:
            guess = base + weight * 0.5 * (history[0] - m0) / ((history[1] - here) / h)
        if i + 1 == steps:
            return guess
        mt = denoised(guess, b)
        x = guess
        if finite:
            points = [((history[0] - m0), (history[1] - here) / h)] if history is not None else []
            points.append((mt - m0, 1.0))
            if history is None:
                rho = [0.5]
            else:
                unit = math.expm1(-h)
                rows = np.array([[r**k for _, r in points] for k in range(2)])
                right = [-h * integral(k + 2, h) * math.factorial(k + 1) / unit for k in range(2)]
                rho = np.linalg.solve(rows, right)
            x = base + weight * sum(c * d / r for c, (d, r) in zip(rho, points))
        before, m0 = (m0, here), mt
    raise AssertionError("a schedule without steps")


if __name__ == "__main__":
    numbers = {f"{name}-{steps}": solve(steps).tolist() for name, solve in [("dpm", dpm), ("unipc", unipc)] for steps in (1, 2, 3, 6, 20)}
    print(json.dumps({"mean": MEAN.tolist(), "spread": SPREAD.tolist(), "noise": NOISE.tolist(), "ends": numbers}, indent=1))
