"""The model card of a pack."""

from __future__ import annotations

from typing import Any

from .network.config import ModelConfig

TEXT = """# Model card: {name} {version}

{description}. It turns a portrait and a speech track into a talking film, {size} x {size} pixels, in the form of EMO
(arXiv 2402.17485), made small. Use it to try the render farm and to test it. **It does not know photographs**: what it
makes of one is not usable. For photographs take a published pack (such as Hallo, once the farm supports it).

| | |
|---|---|
| Licence | {licence} |
| Parameters | {parameters:.1f} M, half precision, {megabytes:.1f} MB |
| Latents | {latent} x {latent}, {channels} channels |
| Clip | {clip} frames, {motion} motion frames |
| Sampler | DDIM, {steps} steps, {prediction}, zero terminal SNR, guidance {guidance} |

## Data
Everything was made by the recipe in `training/`; nothing was downloaded. Portraits are drawn: shape, skin, hair, eyes,
brows, glasses, clothes, background and drawing style are drawn at random. Speech comes from espeak-ng and flite (several
voices, languages, pitches and rates), with gain, noise, reverberation and band limits varied. Mouths follow the
synthesizers' phoneme timing, heads move with the prosody at a labelled speed, eyes blink.

## Training
{stages}

Departures from the paper, which a network of this size and so short a training need: stage `image` hears audio already
(the paper begins with stage 2); the portrait's latent is joined to the noisy latent (`concat_reference`); what is denoised
is the change against the portrait (`relative_scale`); stage `speed` trains more than the temporal modules. Audio features
come from a small encoder on log-mel frames, trained on the drawing's own mouth shapes, in the place of wav2vec 2.0.

## Measured
{figures}

## Limits
Drawn faces in the style of the recipe only; one face, frontal, head 50 to 65 % of the picture's height. Speech in a
voice or recording unlike the synthesizers' moves the lips less surely. Fine lines (glasses, patterns) are softened by
the autoencoder, mouths are soft, most of all on dark skin. Teeth and tongue are hints. Head turns are small and blinks
rare: after so short a training, what speech does not decide comes out as its mean. Do not use it to imitate a person.
"""


def model_card(
    table: dict[str, Any], config: ModelConfig, taken: dict[str, dict[str, float]], figures: dict[str, Any], size: int
) -> str:
    """Markdown text of the card; ``taken`` has steps and seconds of each stage, ``figures`` what was measured."""
    pack = table["pack"]
    rows = ["| stage | steps | minutes (2 shared CPU cores) |", "|---|---|---|"]
    rows += [f"| {name} | {int(e['steps'])} | {e['seconds'] / 60:.0f} |" for name, e in taken.items()]
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
        figures="\n".join(measured) if figures else "Not yet.",
    )
