"""The network's shapes, the diffusion algebra and the audio front end."""

import torch
from emofarm_training.network.audio_encoder import AudioEncoder, at_frame_times
from emofarm_training.network.conditions import frame_windows
from emofarm_training.network.config import AudioConfig, ModelConfig, SamplerConfig, TemporalConfig
from emofarm_training.network.emo import Emo
from emofarm_training.network.log_mel import LogMel
from emofarm_training.sampler import prepare, sample_film
from emofarm_training.schedule import (
    add_noise,
    alphas_cumprod,
    clean_from_velocity,
    ddim_step,
    mixed_noise,
    noise_from_velocity,
    trailing_timesteps,
    velocity,
    velocity_from_output,
)


def test_zero_terminal_snr() -> None:
    for schedule in ("linear", "scaled_linear"):
        alphas = alphas_cumprod(SamplerConfig(schedule=schedule))
        assert alphas[-1] == 0.0
        assert (alphas.diff() < 0).all()
        assert abs(alphas[0].item() - (1 - 0.00085)) < 1e-12


def test_published_points_of_the_schedule() -> None:
    linear = alphas_cumprod(SamplerConfig(schedule="linear"))
    scaled = alphas_cumprod(SamplerConfig(schedule="scaled_linear"))
    assert abs(linear[499].item() - 0.142529) < 1e-6
    assert abs(linear[974].item() - 4.4343e-5) < 1e-8
    assert abs(scaled[499].item() - 0.242359) < 1e-6


def test_trailing_steps() -> None:
    assert trailing_timesteps(SamplerConfig(), 10) == [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]
    forty = trailing_timesteps(SamplerConfig(), 40)
    assert (forty[0], forty[1], forty[-1]) == (999, 974, 24)


def test_velocity_gives_back_clean_and_noise() -> None:
    clean, noise = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 3, 4, dtype=torch.float64)
    for value in (0.0, 0.3, 1.0):
        alpha = torch.tensor(value, dtype=torch.float64)
        noisy, v = add_noise(clean, noise, alpha), velocity(clean, noise, alpha)
        torch.testing.assert_close(clean_from_velocity(noisy, v, alpha), clean)
        torch.testing.assert_close(noise_from_velocity(noisy, v, alpha), noise)
        torch.testing.assert_close(ddim_step(noisy, v, alpha, torch.ones_like(alpha)), clean)


def test_mixed_noise_keeps_variance_and_shares_rho() -> None:
    shared, own = torch.randn(200_000), torch.randn(2, 200_000)
    first, second = mixed_noise(shared[None], own, 0.9)
    assert abs(first.var().item() - 1) < 0.02
    assert abs((first * second).mean().item() - 0.9) < 0.02


def test_encoder_in_pieces_equals_encoder_at_once() -> None:
    torch.manual_seed(3)
    config = AudioConfig()
    encoder, mel = AudioEncoder(config).eval(), torch.randn(1, config.mels, 500)
    with torch.no_grad():
        whole = encoder(mel)
        for start, end in ((0, 100), (100, 101), (101, 333), (333, 500)):
            low, high = max(0, start - config.reach), min(500, end + config.reach)
            piece = encoder(mel[..., low:high])[:, start - low : end - low]
            torch.testing.assert_close(piece, whole[:, start:end], atol=1e-5, rtol=1e-5)
        # The reach is no larger than needed: one frame less of context changes the piece.
        short = encoder(mel[..., 100 - config.reach + 1 : 400])[:, config.reach - 1]
        assert (short - whole[:, 100]).abs().max() > 1e-5


def test_mel_in_pieces_equals_mel_at_once() -> None:
    config = AudioConfig()
    mel, wave = LogMel(config), 0.1 * torch.randn(1, 16_000)
    whole = mel(wave)
    assert whole.shape == (1, config.mels, 101)
    half = config.n_fft // 2
    # Frames 40..59 need the samples half a transform around their centres: whole hops are cut on both sides.
    hops = -(-half // config.hop)
    piece = mel(wave[:, (40 - hops) * config.hop : (59 + hops) * config.hop])[..., hops : hops + 20]
    torch.testing.assert_close(piece, whole[..., 40:60], atol=1e-4, rtol=1e-4)


def test_mel_hears_a_tone_in_its_band() -> None:
    config = AudioConfig()
    time = torch.arange(16_000) / 16_000
    low, high = (LogMel(config)(0.5 * torch.sin(2 * torch.pi * f * time)[None])[0, :, 50].argmax() for f in (300.0, 3000.0))
    assert low < high


def test_frame_times_interpolate_and_clamp() -> None:
    features = torch.arange(10.0)[:, None]
    times = torch.tensor([-1.0, 0.0, 0.025, 0.09, 5.0])
    torch.testing.assert_close(at_frame_times(features, times)[:, 0], torch.tensor([0.0, 0.0, 2.5, 9.0, 9.0]))


def test_windows_are_clamped_at_the_ends() -> None:
    windows = frame_windows(torch.arange(4.0)[:, None], 2)[..., 0]
    assert windows[0].tolist() == [0, 0, 0, 1, 2]
    assert windows[3].tolist() == [1, 2, 3, 3, 3]


def test_film_of_two_clips_and_a_part() -> None:
    torch.manual_seed(5)
    config = ModelConfig(temporal=TemporalConfig(clip_frames=4, motion_frames=2))
    net = Emo(config).eval()
    channels, size = config.vae.latent_channels, config.latent_size
    latent = torch.randn(1, channels, size, size)
    film = prepare(net, latent, torch.ones(1, 1, 128, 128), torch.randn(9, config.audio.features), torch.full((9,), 0.3))
    assert len(film.reference) == 10
    shared, own = torch.randn(channels, size, size), torch.randn(9, channels, size, size)
    made = sample_film(net, film, shared, own, steps=1)
    assert made.shape == (9, channels, size, size)
    assert torch.equal(made, made.half().float())
    with torch.no_grad():
        picture = net.vae.decode(made[:1])
    assert picture.shape == (1, 3, 128, 128)
    assert net.vae.encode(picture).shape == (1, channels, size, size)


def test_configuration_survives_toml(tmp_path) -> None:
    config = ModelConfig()
    config.vae.shift[0] = 0.125
    file = tmp_path / "model.toml"
    file.write_text(config.to_toml())
    assert ModelConfig.read(file) == config


def test_a_network_that_predicts_the_sample_steps_like_one_that_predicts_v() -> None:
    clean, noise = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 3, 4, dtype=torch.float64)
    for value in (0.0, 0.3, 0.9):
        alpha = torch.tensor(value, dtype=torch.float64)
        noisy, v = add_noise(clean, noise, alpha), velocity(clean, noise, alpha)
        torch.testing.assert_close(velocity_from_output(clean, noisy, alpha, "sample"), v)
        assert torch.equal(velocity_from_output(v, noisy, alpha, "v_prediction"), v)


def test_relative_latents_start_from_the_portrait() -> None:
    torch.manual_seed(6)
    frames = {}
    for scale in (0.0, 0.5):
        torch.manual_seed(7)
        config = ModelConfig(temporal=TemporalConfig(clip_frames=2, motion_frames=1), sampler=SamplerConfig(relative_scale=scale))
        net = Emo(config).eval()
        shape = (config.vae.latent_channels, config.latent_size, config.latent_size)
        latent, shared, own = torch.randn(1, *shape), torch.randn(shape), torch.randn(2, *shape)
        film = prepare(net, latent, torch.ones(1, 1, 128, 128), torch.randn(2, config.audio.features), None)
        frames[scale] = sample_film(net, film, shared, own, steps=1, guidance=1.0)
    torch.testing.assert_close(frames[0.5], (latent + 0.5 * frames[0.0]).half().float(), atol=4e-3, rtol=4e-3)
