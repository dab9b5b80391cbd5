//! The network at the published width: every name and shape, what it costs, and how it answers to sizes that cannot be.

use std::collections::BTreeMap;

use shared::job::MotionHandoff;

use super::{TOY, film, numbers, pack, speech};
use crate::{
    hallo::{
        dead,
        flops::{FlopReport, flops},
        network::Network,
    },
    kernels::meter::measure,
    pack::{
        hallo::{HalloConfig, HalloUnet, Role, names},
        stored::row_by_row,
        weights::Weights,
    },
    pickle::{self, tests::Saved},
};

/// Names and shapes of all tensors of the published `net.pth`. Each line of the file has the number of letters that its name
/// shares with the name before, the rest of it, and the extents.
pub(super) fn published() -> BTreeMap<String, Vec<usize>> {
    let text = include_str!("../../../tests/data/hallo-keys.txt");
    let mut name = String::new();
    let line = |line: &str| {
        let [shared, rest, shape]: [&str; 3] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        name.truncate(shared.parse().unwrap());
        name.push_str(rest);
        (name.clone(), shape.split('x').map(|extent| extent.parse().unwrap()).collect())
    };
    text.lines().map(line).collect()
}

#[test]
fn the_full_width_network_needs_exactly_the_published_tensors() {
    let published = published();
    assert_eq!(published.len(), 2656);
    let config = HalloConfig::release();
    let [net, _] = Network::needs(&config).unwrap();
    for (name, shape) in &net {
        assert_eq!(published.get(name), Some(shape), "{name}");
    }
    // What is not needed: motion modules that never run. The ReferenceNet behind its last feature is not read, but must be there.
    let unneeded = published.keys().filter(|name| !net.contains_key(*name));
    let unneeded: Vec<_> = unneeded.filter(|name| !config.is_dead(name)).collect();
    assert!(unneeded.is_empty(), "{unneeded:?}");
    let dead: usize = published
        .iter()
        .filter(|(name, _)| config.is_dead(name))
        .map(|(_, shape)| shape.iter().product::<usize>())
        .sum();
    // 180.4 million parameters and their position codes.
    assert!((180_300_000..181_000_000).contains(&dead), "{dead}");
}

fn tera(parts: [u64; 2]) -> [f64; 2] {
    parts.map(|macs| 2.0 * macs as f64 / 1e12)
}

fn close(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found} instead of {expected}");
}

#[test]
fn a_full_width_step_costs_what_was_measured_of_the_published_modules() {
    let report = flops(&HalloConfig::release(), 512, 16).unwrap();
    let [published, ours] = tera(FlopReport::total(&report.step));
    close(published, 53.95, 0.01);
    // Savings 1 to 7 come to 8.94.
    close(ours, 45.01, 0.2);
    let part = |name: &str| {
        let found = report.step.iter().filter(|part| part.name.starts_with(name)).cloned().collect::<Vec<_>>();
        tera(FlopReport::total(&found))
    };
    // Shares of the published step, in percent: spatial transformers, resnets, audio and motion modules.
    for (name, share) in [("spatial", 36.4), ("resnets", 20.4), ("audio", 19.9), ("motion", 18.9)] {
        close(100.0 * part(name)[0] / published, share, 0.3);
    }
    let clip = |name: &str| {
        report
            .clip
            .iter()
            .find(|part| part.name.starts_with(name))
            .map(|part| tera([part.published, part.ours]))
            .unwrap()
    };
    close(clip("conditions")[0], 4.78, 0.02);
    close(clip("Face Locator")[0], 0.139, 0.002);
    close(clip("motion frames")[0], 3.0 * 1.12, 0.03);
    close(clip("decode")[0], 16.0 * 2.51, 0.2);
}

#[test]
fn levels_cost_what_their_steps_say() {
    let report = flops(&HalloConfig::release(), 512, 16).unwrap();
    let [_, whole] = FlopReport::total(&report.step);
    let kinds = report.kinds;
    assert_eq!(kinds.seeing + kinds.blind, whole);
    // In the published form a step that reuses all but the last layer costs 5.24 of 53.95 TFLOP.
    let reused = (kinds.seeing_reused + kinds.blind_reused) as f64 / whole as f64;
    assert!((0.07..0.11).contains(&reused), "{reused}");
    let [draft, standard, best] = [0, 1, 2].map(|level| report.levels[level].steps_of_a_clip);
    assert_eq!(best, 40 * whole);
    assert!(draft < standard && standard < best / 2 && draft < best / 7, "{draft} {standard} {best}");
}

#[test]
fn half_the_frames_cost_about_half() {
    let config = HalloConfig::release();
    let step = |frames| tera(FlopReport::total(&flops(&config, 512, frames).unwrap().step))[0];
    close(step(12), 40.74, 0.05);
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    for (size, frames, says) in [(480, 16, "64"), (0, 16, "picture.size"), (512, 31, "position"), (512, 0, "zero")] {
        let error = flops(&HalloConfig::release(), size, frames).unwrap_err().to_string();
        assert!(error.contains(says), "{size} {frames}: {error}");
    }
    flops(&HalloConfig::release(), 64, 2).unwrap();
}

#[test]
fn what_is_counted_is_the_network_that_draws() {
    // The toy network with its numbers, through the very calls of the renderer.
    let (config, network) = &*TOY;
    let report = flops(config, config.picture.size, config.clip.frames).unwrap();
    let film = film(config, network, MotionHandoff::Pixels, 3.5);
    let motion = film.motion(network, None).unwrap();
    let heard = speech(config, 5);
    let (given, conditions) =
        measure(|| film.conditions(network, &network.audio.forward(&heard).unwrap(), &motion).unwrap());
    let (frames, height, width, channels) = film.latent_shape();
    let noisy = numbers(&[frames, height, width, channels], 9);
    let (_, step) = measure(|| film.predict(network, &noisy, 999, &given).unwrap());
    for part in &report.step {
        assert_eq!(part.ours, step.get(part.name.as_str()).copied().unwrap_or_default(), "{}", part.name);
    }
    let [published, ours] = FlopReport::total(&report.step);
    assert_eq!(ours, step.values().sum::<u64>());
    assert_eq!(report.clip[0].ours, conditions.values().sum::<u64>());
    assert!(ours < published && ours > published / 2, "{ours} {published}");
    assert_eq!((report.clip[1].name.as_str(), report.clip[1].ours), ("Face Locator", 0));
    let wide = HalloUnet { channels: vec![64, 64, 128, 128], ..config.unet.clone() };
    let wide = HalloConfig { unet: wide, ..config.clone() };
    let wide = FlopReport::total(&flops(&wide, wide.picture.size, wide.clip.frames).unwrap().step)[0];
    assert!(wide > 2 * published, "{wide} {published}");
}

/// The toy's tensors as a file that was saved by `PyTorch`, changed by `change`, with one more called `extra`.
fn changed(extra: Option<&str>, change: impl Fn(&str, &mut Vec<usize>) -> Option<String>) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    let config = &TOY.0;
    let file = std::fs::File::open(&pack().need(Role::Network).unwrap().path).unwrap();
    let all = pickle::index(&file, "toy", |name| !config.is_dead(name)).unwrap();
    let all = all.tensors.into_iter().map(|(name, stored)| (name, stored.shape)).chain(all.passed);
    let all = all.chain(extra.map(|name| (name.to_owned(), vec![1])));
    let mut saved = Saved::new();
    for (name, mut shape) in all {
        let Some(name) = change(&name, &mut shape) else { continue };
        let extents: Vec<i64> = shape.iter().map(|extent| *extent as i64).collect();
        let strides: Vec<i64> = row_by_row(&shape).into_iter().map(|stride| stride as i64).collect();
        saved = saved.tensor(&name, "HalfStorage", &extents, &strides, &vec![0; 2 * shape.iter().product::<usize>()]);
    }
    saved.close().write(&path);
    let net = Weights::open_as(&path, |name| names::network(config, name)).unwrap();
    net.passed_over(&dead(config).unwrap()).map_err(|e| e.to_string())?;
    Network::load(config, net, pack().vae().unwrap()).map(drop).map_err(|e| e.to_string())
}

#[test]
fn what_nobody_reads_is_checked_all_the_same() {
    changed(None, |name, _| Some(name.into())).unwrap();
    for place in [
        "reference_unet.up_blocks.3.attentions.2.transformer_blocks.0.attn1.to_q.weight",
        "denoising_unet.down_blocks.3.motion_modules.1.temporal_transformer.proj_out.bias",
        "denoising_unet.up_blocks.0.motion_modules.2.temporal_transformer.transformer_blocks.0.attention_blocks.1.pos_encoder.pe",
        "audioproj.norm.bias",
    ] {
        let missing = changed(None, |name, _| (name != place).then(|| name.into())).unwrap_err();
        assert!(missing.contains(&format!("tensor {place} is missing")), "{missing}");
        let shorter = changed(None, |name, shape| {
            if name == place {
                *shape.last_mut().unwrap() -= 1;
            }
            Some(name.into())
        });
        let shorter = shorter.unwrap_err();
        assert!(shorter.contains(&format!("tensor {place} has shape")), "{shorter}");
        let foreign = format!("{place}.x");
        let error = changed(Some(&foreign), |name, _| Some(name.into())).unwrap_err();
        assert!(error.contains(&format!("unexpected tensor {foreign}")), "{error}");
    }
}

#[test]
fn the_dead_motion_modules_are_the_published_ones() {
    let config = HalloConfig::release();
    let published: BTreeMap<_, _> = published().into_iter().filter(|(name, _)| config.is_dead(name)).collect();
    assert_eq!(dead(&config).unwrap(), published);
}
