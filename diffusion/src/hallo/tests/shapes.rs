//! The network at the published width: every name and shape, what it costs, and how it answers to sizes that cannot be.

use std::collections::BTreeMap;

use super::pack;
use crate::{
    hallo::{
        flops::{FlopReport, flops},
        network::Network,
    },
    pack::hallo::{HalloConfig, HalloUnet},
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
    // What is not needed: motion modules that never run, and the ReferenceNet behind its last feature.
    let end = "reference_unet.up_blocks.3.attentions.2.";
    let unneeded = published.keys().filter(|name| !net.contains_key(*name));
    let unneeded: Vec<_> = unneeded.filter(|name| !config.is_dead(name) && !name.starts_with(end)).collect();
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
fn what_is_counted_is_what_runs() {
    // The toy network, whose counted products have their numbers.
    let config = pack().config;
    let report = flops(&config, config.picture.size, config.clip.frames).unwrap();
    let [published, ours] = FlopReport::total(&report.step);
    assert!(ours < published && ours > published / 2, "{ours} {published}");
    let wide = HalloConfig { unet: HalloUnet { channels: vec![64, 64, 128, 128], ..config.unet.clone() }, ..config };
    let wide = FlopReport::total(&flops(&wide, wide.picture.size, wide.clip.frames).unwrap().step)[0];
    assert!(wide > 2 * published, "{wide} {published}");
}
