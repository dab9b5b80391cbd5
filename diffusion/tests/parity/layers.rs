//! One case for each kind of layer.

use candle_core::Tensor;

use super::{Fixtures, fixtures::with_margin};
use crate::{kernels::silu, schedule::signal_shares};

#[test]
fn schedule() {
    let f = Fixtures::load();
    let shares: Vec<f32> = signal_shares(&f.manifest.sampler).into_iter().map(|x| x as f32).collect();
    f.compare("schedule", &Tensor::from_vec(shares, 1000, &candle_core::Device::Cpu).unwrap());
}

#[test]
fn resnet_and_time() {
    let f = Fixtures::load();
    // The second level's first layer comes after the first level's only one.
    let layer = f.network.denoiser.layers().nth(1).unwrap();
    let (x, time) = (f.maps("input.resnet.x"), f.tensor("input.resnet.time"));
    let one = |n: usize| {
        let time = silu(&time.narrow(0, n, 1).unwrap()).unwrap();
        layer.resnet.forward(&x.narrow(0, n, 1).unwrap(), Some(&time)).unwrap()
    };
    f.compare_maps("resnet", &Tensor::cat(&[one(0), one(1)], 0).unwrap());
    let steps = f.raw("input.time.t").data();
    let codes: Vec<_> = steps.iter().map(|t| f.network.denoiser.time().forward(*t as usize).unwrap()).collect();
    f.compare("time", &Tensor::cat(&codes, 0).unwrap());
}

#[test]
fn spatial_transformers() {
    let f = Fixtures::load();
    let layer = &f.network.denoiser.layers().next().unwrap().rest.spatial;
    let keys = layer.keys(&f.tensor("input.spatial.reference")).unwrap();
    f.compare_maps("spatial", &layer.forward(&f.maps("input.spatial.x"), &keys).unwrap());
    let layer = f.network.reference.first().unwrap();
    let (feature, out) = layer.forward(&f.maps("input.spatial_ref.x")).unwrap();
    f.compare("spatial_ref.feature", &feature);
    f.compare_maps("spatial_ref.out", &out.unwrap());
}

#[test]
fn audio_layer() {
    let f = Fixtures::load();
    let layer = &f.network.denoiser.layers().next().unwrap().rest.audio;
    let x = f.maps("input.audio_layer.x");
    let keys = layer.keys(&f.tensor("input.audio_layer.audio")).unwrap();
    f.compare_maps("audio_layer", &layer.forward(&x, &keys).unwrap());
    // The short way for frames without audio is exactly attention to tokens of zeros.
    let deaf = layer.keys(&f.tensor("input.audio_layer.audio").zeros_like().unwrap()).unwrap();
    let long = layer.forward(&x, &deaf).unwrap();
    let short = layer.forward(&Tensor::cat(&[&x, &x], 0).unwrap(), &keys).unwrap().narrow(0, 3, 3).unwrap();
    let numbers = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(numbers(&long), numbers(&short));
}

#[test]
fn temporal_module() {
    let f = Fixtures::load();
    let layer = &f.network.denoiser.layers().next().unwrap().rest.temporal;
    let x = f.maps("input.temporal.x");
    let motion = layer.motion_keys(&f.tensor("input.temporal.motion").squeeze(0).unwrap()).unwrap();
    let speed = layer.speed_keys(&f.tensor("input.temporal.speed")).unwrap();
    f.compare_maps("temporal", &layer.forward(&x, &motion, Some(&speed)).unwrap());
    f.compare_maps("temporal_mute", &layer.forward(&x, &motion, None).unwrap());
    // Two films in one batch do not mix.
    let both = Tensor::cat(&[&x.zeros_like().unwrap(), &x], 0).unwrap();
    let both = layer.forward(&both, &motion, Some(&speed)).unwrap();
    f.compare_maps("temporal", &both.narrow(0, 6, 6).unwrap());
}

#[test]
fn conditions() {
    let f = Fixtures::load();
    let velocity = f.raw("input.speed.velocity").data();
    let mut film = vec![velocity[0]; 2];
    film.extend(velocity);
    film.extend([velocity[6]; 2]);
    f.compare("speed", &f.network.speed.forward(&film).unwrap());
    f.compare_maps("face", &f.network.face_locator.forward(&f.maps("input.face.mask")).unwrap());
    let features = with_margin(&f.tensor("input.projection.features"), 2);
    f.compare("projection", &f.network.projection.forward(&features).unwrap());
}

#[test]
fn autoencoder() {
    let f = Fixtures::load();
    let latent = f.network.vae.encode(&f.maps("input.vae.picture")).unwrap();
    f.compare_maps("vae.encode", &latent);
    f.compare_maps("vae.decode", &f.network.vae.decode(&f.maps("golden.vae.encode")).unwrap());
}
