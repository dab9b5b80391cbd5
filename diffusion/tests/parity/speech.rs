//! Log-mel frames, audio encoder and features at frame times.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use shared::{Fps, ports::model::AudioEncoder as _};

use super::Fixtures;
use crate::{
    listen::Listener,
    mel::{LogMel, MelStream},
};

fn log_mel(f: &Fixtures) -> Tensor {
    let mut stream = MelStream::new(LogMel::new(&f.manifest.audio));
    let mut rows = stream.push(f.raw("input.mel.wave").data());
    rows.extend(stream.finish());
    let mels = f.manifest.audio.mels;
    Tensor::from_slice(&rows, (rows.len() / mels, mels), &Device::Cpu).unwrap()
}

#[test]
fn log_mel_and_encoder() {
    let f = Fixtures::load();
    let mel = log_mel(&f);
    f.compare("mel", &mel.t().unwrap().contiguous().unwrap());
    f.compare("encoder", &f.network.audio.forward(&mel).unwrap());
}

#[test]
fn features_at_frame_times() {
    let f = Fixtures::load();
    let fps = Fps::new(30_000, 1001).unwrap();
    let (audio, wave) = (f.manifest.audio.clone(), f.raw("input.mel.wave").clone());
    let frames = f.raw("input.speech.times").rows() as u64;
    let golden = Fixtures::load();
    let mut listener = Box::new(Listener::new(Arc::clone(&f.network.audio), &audio, fps));
    let early = listener.push(wave.data()).unwrap();
    let features = shared::Tensor::join(&[early, listener.finish(frames).unwrap()]).unwrap();
    golden.compare("speech", &Tensor::from_slice(features.data(), features.shape(), &Device::Cpu).unwrap());
}
