"""The model card of a pack."""

from __future__ import annotations

from typing import Any

from .network.config import ModelConfig

TEXT = """# Model card: {name} {version}

{description}. It turns a portrait and a speech track into a talking film, {size} x {size} pixels, in the form of EMO
(arXiv 2402.17485), made small. Use it to try the render farm and to test it. **It does not know photographs**: what it
makes of one is not usable. For photographs take a published pack (such as Hallo).

| | |
|---|---|
| Licence | {licence} |
| Parameters | {parameters:.1f} M, half precision, {megabytes:.1f} MB |
| Latents | {latent} x {latent}, {channels} channels |
| Clip | {clip} frames, {motion} motion frames |
| Sampler | DDIM, {steps} steps, {prediction}, zero terminal SNR, guidance {guidance} |

## Data
Everything was made by the recipe in `training/`; nothing was downloaded. Portraits are drawn in three styles (flat, ink
and wash, shaded): shape, skin, hair, eyes, brows, glasses, clothes and background at random. Speech comes from espeak-ng
and flite (several voices, seven languages, pitches and rates), with tone, compression, gain, noise, breaths, reverberation and band
limits down to a telephone's varied. Mouths take one of 21 shapes for each sound and blend between them by the synthesizers'
phoneme timing, brows rise with loud syllables; lids fall on a path that the noise carries. Heads are drawn at rest: the farm turns them after decoding.

## Training
{stages}

Departures from the paper, which a network of this size and so short a training need: stage `image` hears audio already
(the paper begins with stage 2); the portrait's latent is joined to the noisy latent (`concat_reference`); what is denoised
is the change against the portrait (`relative_scale`); the noise carries the lids (`sampler.path`), and the head is turned along its path after decoding, not by the network; what the autoencoder
loses of the portrait is carried over (`detail`); stage `speed` trains more than the temporal modules. Audio features
come from a small encoder on log-mel frames, trained on the drawing's own mouth shapes, in the place of wav2vec 2.0.

## Measured
{figures}

## Limits
Drawn faces in the styles of the recipe only; one face, frontal, head 50 to 65 % of the picture's height. Speech in a
voice or recording unlike the synthesizers' moves the lips less surely. A blink is a smear of lids over the eyes, and a mouth that opens wide dirties the outline of the jaw. Head and lids
follow chance, not the words; a head that turns bends the background close to it a little. Do not use it to imitate a person.
"""


def minutes(seconds: float) -> str:
    """Minutes of a stage; what was taken from an earlier pack took none."""
    return f"{seconds / 60:.0f}" if seconds else "as in the pack before"


def model_card(
    table: dict[str, Any], config: ModelConfig, taken: dict[str, dict[str, float]], figures: dict[str, Any], size: int
) -> str:
    """Markdown text of the card; ``taken`` has steps and seconds of each stage, ``figures`` what was measured."""
    pack = table["pack"]
    rows = ["| stage | steps | minutes (2 CPU cores) |", "|---|---|---|"]
    rows += [f"| {name} | {int(e['steps'])} | {minutes(e['seconds'])} |" for name, e in taken.items()]
    measured = ["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in figures.items())]
    return TEXT.format(
        name=pack["name"],
        version=pack["version"],
        description=pack["description"],
        licence=pack["licence"],
        size=config.picture_size,
        parameters=size / 2e6,
        megabytes=size / 1e6,
        latent=config.latent_size,
        channels=config.vae.latent_channels,
        clip=config.temporal.clip_frames,
        motion=config.temporal.motion_frames,
        steps=config.sampler.steps,
        guidance=config.sampler.guidance,
        prediction="predicts " + {"sample": "the clean latent", "v_prediction": "v"}[config.sampler.prediction],
        stages="\n".join(rows),
        figures="\n".join(measured) if figures else "docs/quality.md of emofarm has what `emofarm bench quality` found.",
    )
