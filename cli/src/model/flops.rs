//! `emofarm model inspect --flops`: what a step and a clip cost.

use diffusion::{FlopPart, FlopReport, LevelCost};

/// Prints the table.
pub(crate) fn show(name: &str, report: &FlopReport, json: bool) {
    if json {
        let total = |parts| {
            let [published, ours] = FlopReport::total(parts);
            serde_json::json!({ "published": published, "ours": ours })
        };
        let totals = serde_json::json!({ "step": total(&report.step), "clip": total(&report.clip) });
        say!(
            "{:#}",
            serde_json::json!({ "ok": true, "pack": name, "unit": "multiply-accumulates", "flops": report, "totals": totals })
        );
        return;
    }
    let size = report.size;
    say!(
        "{name}: {size} x {size} pixels, clips of {} frames, guidance on; in TFLOP, two for each multiply-accumulate\n",
        report.frames
    );
    section("one denoising step", &report.step);
    section("once a clip", &report.clip);
    section("once a film", &report.film);
    say!("{:<64} {:>10} {:>10}", "the steps of a clip at each quality level", "TFLOP", "of best");
    let best = report.levels.last().map_or(0, |cost| cost.steps_of_a_clip);
    for cost in &report.levels {
        say!("{}", level(cost, best));
    }
}

/// What a level takes, and which share of the best one that is.
fn level(cost: &LevelCost, best: u64) -> String {
    let LevelCost { level, spent, steps_of_a_clip: macs } = cost;
    let name = format!("  {}: {}", level.name(), spent.effort);
    let share = 100.0 * *macs as f64 / best.max(1) as f64;
    format!("{name:<64} {:>10.1} {share:>8.1} %", 2.0 * *macs as f64 / 1e12)
}

fn section(title: &str, parts: &[FlopPart]) {
    say!("{title:<64} {:>10} {:>10} {:>8}", "published", "ours", "saved");
    for part in parts {
        say!("{}", line(&format!("  {}", part.name), [part.published, part.ours]));
    }
    say!("{}\n", line("  together", FlopReport::total(parts)));
}

fn line(name: &str, [published, ours]: [u64; 2]) -> String {
    let tera = |macs: u64| 2.0 * macs as f64 / 1e12;
    let saved =
        if published > 0 { format!("{:.1} %", 100.0 * (1.0 - ours as f64 / published as f64)) } else { String::new() };
    format!("{name:<64} {:>10.4} {:>10.4} {saved:>8}", tera(published), tera(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_two_operations_for_each_multiply() {
        let text = line("  resnets", [5_000_000_000_000, 4_000_000_000_000]);
        assert!(text.ends_with("10.0000     8.0000   20.0 %"), "{text}");
        assert!(!line("  x", [0, 1]).contains('%'));
    }
}
