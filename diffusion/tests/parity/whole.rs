//! `ReferenceNet`, one guided step of the denoiser, and two clips of a film.

use candle_core::Tensor;
use shared::{effort::Step, ports::model::Control};

use super::{
    Fixtures,
    fixtures::{last, with_margin},
};
use crate::{
    net::unet::{Conditions, Deep},
    sampler::Sampling,
};

#[test]
fn reference_features() {
    Fixtures::in_every_form().for_each(|f| compare_reference_features(&f));
}

fn compare_reference_features(f: &Fixtures) {
    let features = f.network.reference.forward(&f.maps("input.reference.latent")).unwrap();
    assert_eq!(features.len(), f.golden().filter(|name| name.starts_with("reference.")).count());
    for (index, feature) in features.iter().enumerate() {
        f.compare(&format!("reference.{index}"), feature);
    }
}

/// Everything but audio, motion and speed.
fn conditions(f: &Fixtures, case: &str) -> Conditions {
    let latent = f.maps(&format!("input.{case}.latent"));
    let face = f.network.face_locator.forward(&f.maps(&format!("input.{case}.mask"))).unwrap();
    let reference = f.network.reference.forward(&latent).unwrap();
    let denoiser = &f.network.denoiser;
    Conditions {
        reference: denoiser.reference_keys(&reference).unwrap(),
        base: Some(denoiser.base(&latent, &face).unwrap()),
        ..Conditions::default()
    }
}

/// Tokens of audio `[frames, ..]` and speed `[1, frames, ..]` of the whole film.
fn tokens(f: &Fixtures, case: &str) -> (Tensor, Tensor) {
    let features = with_margin(&f.tensor(&format!("input.{case}.features")), 2);
    let velocity = with_margin(&f.tensor(&format!("input.{case}.velocity")), 2).to_vec1::<f32>().unwrap();
    (f.network.projection.forward(&features).unwrap(), f.network.speed.forward(&velocity).unwrap())
}

#[test]
fn one_guided_step() {
    Fixtures::in_every_form().for_each(|f| compare_one_guided_step(&f));
}

fn compare_one_guided_step(f: &Fixtures) {
    let mut given = conditions(f, "denoiser");
    let (audio, speed) = tokens(f, "denoiser");
    given.audio = f.network.denoiser.audio_keys(&audio).unwrap();
    given.speed = f.network.denoiser.speed_keys(&speed).unwrap();
    let maps = f.network.reference.forward(&f.maps("input.denoiser.motion_latent")).unwrap();
    given.motion = f.network.denoiser.motion_keys(&maps).unwrap();
    let noisy = last(&f.tensor("input.denoiser.noisy").squeeze(0).unwrap());
    let t = f.raw("input.denoiser.t").data()[0] as usize;
    let one = f.network.denoiser.forward(&noisy, t, &given, false).unwrap();
    f.compare_maps("denoiser.audio", &one);
    let both = f.network.denoiser.forward(&noisy, t, &given, true).unwrap();
    f.compare_maps("denoiser.audio", &both.narrow(0, 0, 6).unwrap());
    f.compare_maps("denoiser.blind", &both.narrow(0, 6, 6).unwrap());
    // One side after the other gives the same bits, of a step that reuses deep layers too.
    let (mut deep, mut deep_apart) = (Deep::default(), Deep::default());
    for whole in [true, false] {
        let at = Step { t, guided: true, whole };
        let at_once = f.network.denoiser.step(&noisy, at, &given, &mut deep).unwrap();
        let apart = f.network.denoiser.sides_apart(&noisy, at, &given, &mut deep_apart).unwrap();
        let bits = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(bits(&at_once) == bits(&apart), "whole: {whole}");
        // What a step does from the first time on that memory was short.
        let mut own = deep.clone();
        let fell_back = f.network.denoiser.with_short_memory(|| f.network.denoiser.step(&noisy, at, &given, &mut own));
        assert!(bits(&fell_back.unwrap()) == bits(&at_once), "whole: {whole}");
        assert!(own.is_of(12) && deep.is_of(12), "deep layers of both sides are kept");
    }
    let sampling = Sampling::new(&f.manifest.sampler, 4, 1.5);
    let x = noisy.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let at = Step { t, guided: true, whole: true };
    let v = sampling.predict(&f.network.denoiser, &x, [6, 8, 8, 4], at, &given, &mut Deep::default()).unwrap();
    f.compare_maps("denoiser.guided", &Tensor::from_vec(v, (6, 8, 8, 4), noisy.device()).unwrap());
}

#[test]
fn a_film_of_two_clips() {
    Fixtures::in_every_form().for_each(|f| compare_a_film_of_two_clips(&f));
}

fn compare_a_film_of_two_clips(f: &Fixtures) {
    let mut given = conditions(f, "film");
    let (shared, own) = (f.raw("input.film.shared"), f.raw("input.film.own"));
    let mixed = own.data().iter().zip(shared.data().iter().cycle());
    let mixed: Vec<f32> = mixed.map(|(own, shared)| 0.9f32.sqrt() * shared + 0.1f32.sqrt() * own).collect();
    let noise = last(&Tensor::from_vec(mixed, own.shape(), &candle_core::Device::Cpu).unwrap());
    let (audio, speed) = tokens(f, "film");
    let sampling = Sampling::new(&f.manifest.sampler, f.manifest.sampler.steps, 1.5);
    let portrait = f.maps("input.film.latent").flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let mut motion: Option<Tensor> = None;
    let mut done = Vec::new();
    for start in [0, 6] {
        // The reference fills the last clip with tokens and noise of the film's last frame.
        let frames: Vec<u32> = (start..start + 6).map(|frame| frame.min(9)).collect();
        let frames = Tensor::new(frames, noise.device()).unwrap();
        given.audio = f.network.denoiser.audio_keys(&audio.index_select(&frames, 0).unwrap()).unwrap();
        given.speed = f.network.denoiser.speed_keys(&speed.index_select(&frames, 1).unwrap()).unwrap();
        let maps = match &motion {
            Some(motion) => f.network.reference.forward(motion).unwrap(),
            None => f.network.reference.blank(2, 8).unwrap(),
        };
        given.motion = f.network.denoiser.motion_keys(&maps).unwrap();
        let x = noise.index_select(&frames, 0).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let mut clip =
            sampling.denoise(&f.network.denoiser, x, [6, 8, 8, 4], &given, &mut |_| Control::Continue).unwrap();
        sampling.onto_portrait(&mut clip, &portrait);
        let clip = shared::Tensor::new([6, 8, 8, 4], clip).unwrap().rounded_to_f16();
        let clip = Tensor::from_slice(clip.data(), (6, 8, 8, 4), noise.device()).unwrap();
        motion = Some(clip.narrow(0, 4, 2).unwrap().contiguous().unwrap());
        done.push(clip.narrow(0, 0, (10 - start as usize).min(6)).unwrap());
    }
    f.compare_maps("film", &Tensor::cat(&done, 0).unwrap());
}
