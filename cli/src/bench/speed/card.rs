//! `emofarm bench --only card`: whether a card computes what the CPU does, and how fast.

use diffusion::bench::CardReport;
use shared::Result;

use crate::{exit, settings::Settings};

/// Runs of everything that is timed.
const RUNS: usize = 7;

/// Checks and measures the card of the settings; exit code 1 when an operator is wrong.
pub(super) fn run(settings: &Settings, json: bool) -> Result<u8> {
    let device = settings.device()?;
    let report = diffusion::bench::card(device, RUNS)?;
    let ok = report.checks.iter().all(|check| check.passes);
    if json {
        say!("{:#}", serde_json::json!({ "ok": ok, "device": device.describe(), "card": report }));
    } else {
        say!("{}", device.describe());
        show(&report);
    }
    Ok(if ok { exit::DONE } else { exit::FAILED })
}

fn show(report: &CardReport) {
    for check in &report.checks {
        let verdict = if check.passes { "ok" } else { "WRONG" };
        say!("{:<5} {:<48} {:>9.1e}  {verdict}", check.kind, check.name, check.error);
    }
    let step = &report.step;
    say!("\nproducts of large bf16 matrices: {:.0} TFLOP/s", report.peak / 1e12);
    say!(
        "a step at full width (512 x 512, 16 frames, guided, bf16): {:.1} ms, {:.1} TFLOP, {:.0} % of that peak",
        step.seconds * 1e3,
        step.flops as f64 / 1e12,
        step.share * 100.0
    );
    if let Some(memory) = step.memory {
        say!("memory in use: {memory} MiB");
    }
}
