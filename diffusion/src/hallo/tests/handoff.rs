//! Both ways to hand motion frames on.

use candle_core::Tensor;
use shared::{
    job::{MotionHandoff, ReferenceReading},
    ports::model::Control,
};

use super::{error, numbers, pack};
use crate::{
    hallo::{
        film::{Film, Manner, Prepared},
        network::Network,
        region::Masks,
    },
    pack::hallo::HalloPack,
    sampler::Sampling,
};

/// The latents of two clips.
fn two_clips(pack: &HalloPack, network: &Network, handoff: MotionHandoff, guidance: f32) -> [Tensor; 2] {
    let config = &pack.config;
    let (size, latent) = (config.picture.size, config.latent_size());
    let masks = (0..config.unet.channels.len())
        .map(|level| numbers(&[(latent >> level).pow(2), 3], 1).clamp(0f32, 1f32).unwrap())
        .collect();
    let picture = numbers(&[1, size, size, 3], 2).clamp(-1f32, 1f32).unwrap();
    let region = numbers(&[1, size, size, 3], 3).clamp(0f32, 1f32).unwrap();
    let embedding = numbers(&[1, config.face.embedding], 4);
    let prepared = Prepared::new(network, &picture, &region, &embedding, Masks::of_levels(masks)).unwrap();
    let sampling = Sampling::of_velocity((&config.sampler).into(), config.sampler.steps, guidance);
    let manner = Manner { sampling, reading: ReferenceReading::Published, handoff, branches: config.branches };
    let film = Film::new(network, config, &prepared, manner).unwrap();
    let (frames, height, width, channels) = film.latent_shape();
    let mut before: Option<Tensor> = None;
    [0, 1].map(|clip| {
        let rows = frames + config.audio.window - 1;
        let audio = network.audio.forward(&numbers(&[rows, config.feature_width()], 5 + clip)).unwrap();
        let motion = film.motion(network, before.as_ref()).unwrap();
        let given = film.conditions(network, &audio, &motion).unwrap();
        let noise = numbers(&[frames, height, width, channels], 7 + clip).flatten_all().unwrap().to_vec1().unwrap();
        let latents = film.clip(network, noise, &given, &mut |_| Control::Continue).unwrap();
        let latents = Tensor::from_vec(latents, film.latent_shape(), &candle_core::Device::Cpu).unwrap();
        let n = config.clip.motion_frames;
        before = Some(latents.narrow(0, frames - n, n).unwrap().contiguous().unwrap());
        latents
    })
}

#[test]
fn the_ways_part_after_the_first_clip() {
    let pack = pack();
    let network = Network::load(&pack.config, pack.network().unwrap(), pack.vae().unwrap()).unwrap();
    let [pixels, latents] =
        [MotionHandoff::Pixels, MotionHandoff::Latents].map(|way| two_clips(&pack, &network, way, 3.5));
    // The first clip starts from the portrait either way.
    assert!(error(&latents[0], &pixels[0]) == 0.0);
    let difference = error(&latents[1], &pixels[1]);
    println!("second clip, latents against pixels: {difference:.3}");
    // An autoencoder of random weights keeps little of a picture; a trained one keeps nearly all. Both ways must differ, and
    // neither may run away.
    assert!(difference > 1e-4 && difference < 1.0, "{difference}");
}

#[test]
fn without_guidance_only_one_side_is_drawn() {
    let pack = pack();
    let network = Network::load(&pack.config, pack.network().unwrap(), pack.vae().unwrap()).unwrap();
    let [guided, plain] = [3.5, 1.0].map(|guidance| two_clips(&pack, &network, MotionHandoff::Pixels, guidance));
    assert!(error(&plain[0], &guided[0]) > 1e-3);
}
