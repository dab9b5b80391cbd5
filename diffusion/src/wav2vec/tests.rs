//! The speech encoder against what the published modules computed, and against itself in pieces.

use std::{path::PathBuf, sync::Arc};

use shared::{Bundle, Fps, Tensor, ports::model::AudioEncoder};

use super::{SAMPLE_RATE, SpeechListener, Wav2Vec};
use crate::{
    pack::hallo::{HalloConfig, HalloPack, SpeechWindow},
    parity::hallo_dir,
};

fn toy() -> (Arc<Wav2Vec>, HalloConfig) {
    let pack = HalloPack::open(&hallo_dir()).unwrap();
    (Arc::new(Wav2Vec::load(pack.speech().unwrap(), &pack.config.wav2vec).unwrap()), pack.config)
}

/// One tensor of the golden file.
fn golden(name: &str) -> Tensor {
    let bytes = std::fs::read(hallo_dir().join("golden.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap();
    let one = safetensors::serialize([(name, view)], None).unwrap();
    Bundle::from_bytes(&one).unwrap().tensors.remove(name).unwrap()
}

/// Something like speech: syllables of changing pitch with pauses between them.
fn track(seconds: f64) -> Vec<f32> {
    let count = (seconds * f64::from(SAMPLE_RATE)) as usize;
    let mut phase = 0.0f64;
    let mut noise = 1u32;
    (0..count)
        .map(|i| {
            let t = i as f64 / f64::from(SAMPLE_RATE);
            let syllable = (t * 4.1 + (t * 0.63).sin()).fract();
            let loud = if (t * 0.21).fract() > 0.85 { 0.0 } else { (syllable * std::f64::consts::PI).sin().powi(2) };
            phase += (110.0 + 40.0 * (t * 1.7).sin() + 25.0 * (t * 0.31).cos()) / f64::from(SAMPLE_RATE);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = f64::from(noise >> 8) / f64::from(1 << 23) - 1.0;
            let vowel: f64 = (1..12)
                .map(|k| {
                    (phase * std::f64::consts::TAU * f64::from(k)).sin()
                        / (1.0 + (f64::from(k) - 3.0 - 2.0 * (t * 2.3).sin()).powi(2))
                })
                .sum();
            (0.3 * loud * vowel + 0.004 * hiss) as f32
        })
        .collect()
}

/// The features of a track through the port, pushed in pieces.
fn listen(
    network: &Arc<Wav2Vec>,
    config: &HalloConfig,
    fps: Fps,
    samples: &[f32],
    piece: usize,
    frames: u64,
) -> Tensor {
    let mut listener = Box::new(SpeechListener::new(Arc::clone(network), config, fps));
    assert!(listener.needs_survey());
    samples.chunks(piece).for_each(|piece| listener.survey(piece).unwrap());
    let mut parts: Vec<Tensor> = samples.chunks(piece).map(|piece| listener.push(piece).unwrap()).collect();
    parts.push(listener.finish(frames).unwrap());
    Tensor::join(&parts).unwrap()
}

fn relative(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |x: f32| f64::from(x) * f64::from(x);
    let distance: f64 = found.iter().zip(expected).map(|(a, b)| square(a - b)).sum();
    (distance / expected.iter().map(|x| square(*x)).sum::<f64>()).sqrt()
}

fn fps(text: &str) -> Fps {
    text.parse().unwrap()
}

#[test]
fn hidden_states_are_those_of_the_published_modules() {
    let (network, config) = toy();
    let (waveform, expected) = (golden("input.waveform"), golden("golden.wav2vec_hidden"));
    let frames = expected.shape()[0];
    let found = network.hidden_states(waveform.data(), frames).unwrap();
    assert_eq!(found.shape(), expected.shape());
    let error = relative(found.data(), expected.data());
    println!("wav2vec_hidden: relative error {error:.2e}");
    assert!(error < 1e-4, "relative error {error:.2e}");
    // Through the port the same, since the track fills whole clips.
    let streamed = listen(&network, &config, fps("25"), waveform.data(), 777, frames as u64);
    assert_eq!(streamed.shape(), [frames, network.feature_width()]);
    assert_eq!(streamed.data(), found.data());
}

#[test]
fn a_track_is_the_same_however_it_is_cut() {
    let (network, mut config) = toy();
    config.speech = SpeechWindow { exact_seconds: 1, window_seconds: 2, overlap_seconds: 1 };
    let samples = track(7.3);
    let frames = (7.3f64 * 25.0).ceil() as u64;
    let whole = listen(&network, &config, fps("25"), &samples, samples.len(), frames);
    assert_eq!(whole.rows() as u64, frames);
    for piece in [997, 16_000, 40_000] {
        assert_eq!(listen(&network, &config, fps("25"), &samples, piece, frames), whole);
    }
}

#[test]
fn silence_fills_the_last_clip_as_in_the_release() {
    let (network, config) = toy();
    // 2.5 clips of speech: the release appends zeros to the normalised waveform, which is the mean before it.
    let mut samples = track(0.6);
    let streamed = listen(&network, &config, fps("25"), &samples, 500, 15);
    let mean = (samples.iter().map(|x| f64::from(*x)).sum::<f64>() / samples.len() as f64) as f32;
    let deviation = |samples: &[f32]| {
        (samples.iter().map(|x| f64::from(x - mean).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    };
    let before = deviation(&samples);
    samples.extend(vec![mean; 3 * 640]);
    // `hidden_states` counts the silence for the normalisation too, but the group norm behind the first convolution undoes
    // any scale.
    assert!(before > deviation(&samples));
    let whole = network.hidden_states(&samples, 18).unwrap();
    let error = relative(streamed.data(), &whole.data()[..streamed.data().len()]);
    assert!(error < 1e-4, "{error:.2e}");
}

#[test]
fn windows_come_close_to_the_whole_and_closer_with_more_overlap() {
    let (network, mut config) = toy();
    let samples = track(60.0);
    config.speech = SpeechWindow { exact_seconds: 60, window_seconds: 10, overlap_seconds: 1 };
    let exact = listen(&network, &config, fps("25"), &samples, 48_000, 1500);
    config.speech.exact_seconds = 59;
    let mut last = f64::INFINITY;
    for overlap in [0, 2, 10] {
        config.speech.overlap_seconds = overlap;
        let windowed = listen(&network, &config, fps("25"), &samples, 48_000, 1500);
        let error = relative(windowed.data(), exact.data());
        println!("windows of 10 s, overlap {overlap} s: relative difference {error:.3e}");
        assert!(error > 0.0 && error < last, "overlap {overlap}: {error:.3e} after {last:.3e}");
        last = error;
    }
    // What `docs/models.md` says: 7.3e-4.
    assert!(last < 1e-3, "{last:.3e}");
}

#[test]
fn the_usual_windows_come_close_to_the_whole() {
    let (network, mut config) = toy();
    let SpeechWindow { window_seconds, overlap_seconds, .. } = SpeechWindow::default();
    let samples = track(150.0);
    config.speech = SpeechWindow { exact_seconds: 150, window_seconds, overlap_seconds };
    let exact = listen(&network, &config, fps("25"), &samples, 480_000, 3750);
    config.speech.exact_seconds = 149;
    let windowed = listen(&network, &config, fps("25"), &samples, 480_000, 3750);
    let error = relative(windowed.data(), exact.data());
    println!("windows of {window_seconds} s, overlap {overlap_seconds} s: relative difference {error:.3e}");
    assert!(error > 0.0 && error < 1e-3, "{error:.3e}");
}

#[test]
fn an_hour_is_heard_in_the_memory_of_one_window() {
    let (network, mut config) = toy();
    config.speech = SpeechWindow::default();
    let (minute, minutes) = (track(60.0), 60);
    let mut listener = Box::new(SpeechListener::new(Arc::clone(&network), &config, fps("25")));
    for _ in 0..minutes {
        listener.survey(&minute).unwrap();
    }
    // Between two pushes of a second: samples that the next feature sees; the feature and the hidden state that the next frame lies behind;
    // frames of a window, of its overlaps and of a push.
    let limits = [400, 2, 25 * (60 + 2 * 10 + 1), 2];
    let (mut most, mut rows) = ([0; 4], 0);
    for _ in 0..minutes {
        for piece in minute.chunks(16_000) {
            rows += listener.push(piece).unwrap().rows();
            most = std::array::from_fn(|i| listener.held()[i].max(most[i]));
        }
    }
    println!("held at most, in an hour: {most:?}");
    assert!(most.iter().zip(limits).all(|(held, limit)| *held <= limit), "{most:?}");
    let frames = 3600 * 25;
    // All but the last window came while the track was heard.
    assert!(rows >= frames - 25 * (60 + 10 + 1), "{rows}");
    assert_eq!(rows + listener.finish(frames as u64).unwrap().rows(), frames);
}

#[test]
fn memory_does_not_grow_with_the_track() {
    let (network, mut config) = toy();
    config.speech = SpeechWindow { exact_seconds: 1, window_seconds: 2, overlap_seconds: 1 };
    let samples = track(20.0);
    let mut listener = SpeechListener::new(Arc::clone(&network), &config, fps("25"));
    listener.survey(&samples).unwrap();
    for piece in samples.chunks(16_000) {
        listener.push(piece).unwrap();
        let held = listener.held();
        // Two windows with overlaps, in frames; a piece of samples; features of both.
        assert!(held.iter().zip([32_400, 200, 200, 60]).all(|(held, limit)| *held <= limit), "{held:?}");
    }
}

#[test]
fn other_frame_rates_lie_between_the_network_s_frames() {
    let (network, config) = toy();
    let samples = track(2.0);
    let own = listen(&network, &config, fps("25"), &samples, 5000, 50);
    let double = listen(&network, &config, fps("50"), &samples, 5000, 100);
    let width = network.feature_width();
    for frame in 0..49 {
        assert_eq!(double.data()[2 * frame * width..][..width], own.data()[frame * width..][..width]);
        let between = &double.data()[(2 * frame + 1) * width..][..width];
        let mean: Vec<f32> =
            (0..width).map(|i| own.data()[frame * width + i].midpoint(own.data()[(frame + 1) * width + i])).collect();
        assert!(relative(between, &mean) < 1e-6);
    }
    // A film that is longer than its track keeps the last features.
    let longer = listen(&network, &config, fps("25"), &samples, 5000, 60);
    assert_eq!(longer.rows(), 60);
    assert_eq!(longer.data()[59 * width..], longer.data()[58 * width..59 * width]);
}

#[test]
fn wrong_tracks_are_refused() {
    let (network, config) = toy();
    let listener = || SpeechListener::new(Arc::clone(&network), &config, fps("25"));
    let second = vec![0.1; 8000];
    let error = listener().push(&[0.0; 10]).unwrap_err().to_string();
    assert!(error.contains("no samples"), "{error}");
    let mut changed = listener();
    changed.survey(&second).unwrap();
    changed.push(&second).unwrap();
    assert!(changed.survey(&[0.1]).is_err());
    let error = changed.push(&[0.1]).unwrap_err().to_string();
    assert!(error.contains("8000 samples when it was surveyed and 8001"), "{error}");
    let mut short = listener();
    short.survey(&second).unwrap();
    short.push(&[0.1; 70]).unwrap();
    let error = Box::new(short).finish(13).unwrap_err().to_string();
    assert!(error.contains("surveyed and 70 when it was heard"), "{error}");
    assert!(listener().survey(&[f32::NAN]).unwrap_err().to_string().contains("audio sample 0"));
    assert!(network.hidden_states(&[0.1; 399], 1).unwrap_err().to_string().contains("399 samples is too short"));
}

/// Both spellings of a released file: prefix and norms as the recogniser was saved, and what only it has.
#[test]
fn the_released_spelling_is_the_same_network() {
    let pack = HalloPack::open(&hallo_dir()).unwrap();
    let from = &pack.need(crate::pack::hallo::Role::Speech).unwrap().path;
    let bytes = std::fs::read(from).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let spelt = |name: String| {
        let name = name.replace("parametrizations.weight.original0", "weight_g");
        format!("wav2vec2.{}", name.replace("parametrizations.weight.original1", "weight_v"))
    };
    let extra = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).unwrap();
    let tensors = file.tensors().into_iter().map(|(name, view)| (spelt(name), view));
    let tensors: Vec<_> = tensors.chain([("lm_head.bias".to_owned(), extra)]).collect();
    let dir = tempfile::tempdir().unwrap();
    let to: PathBuf = dir.path().join("model.safetensors");
    std::fs::write(&to, safetensors::serialize(tensors, None).unwrap()).unwrap();
    let weights = crate::pack::weights::Weights::open_as(&to, crate::pack::hallo::names::speech).unwrap();
    let released = Wav2Vec::load(weights, &pack.config.wav2vec).unwrap();
    let samples = track(0.5);
    assert_eq!(released.hidden_states(&samples, 12).unwrap(), toy().0.hidden_states(&samples, 12).unwrap());
}
