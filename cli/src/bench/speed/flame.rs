//! Where the time of a clip goes: operators of the network in a flame graph.

use std::{path::Path, time::Instant};

use diffusion::bench::{Spent, clocked};
use inferno::flamegraph::{Options, from_lines};
use shared::{
    Error, Result,
    job::Settings as Chosen,
    ports::model::{Control, Model},
};

/// Rows that are printed beside the picture.
const MOST: usize = 12;

/// Renders and decodes a clip twice, the second time on the clock, draws what took its time into `file` (SVG), and tells the longest.
///
/// # Errors
/// When the network fails, or the file cannot be written.
pub(super) fn draw(model: &dyn Model, file: &Path) -> Result<Vec<serde_json::Value>> {
    let portrait = super::network::portrait(model.shape().image_size)?;
    let prepared = model.prepare(&portrait, &Chosen::default())?;
    let mut renderer = model.renderer(&prepared, &Chosen::default(), 1)?;
    let clip = super::network::clip(model)?;
    let mut whole = || {
        let latents = renderer.render(&clip, &mut |_| Control::Continue)?;
        renderer.decode(&latents, 0)
    };
    whole()?;
    let began = Instant::now();
    let (made, spent) = clocked(whole);
    let seconds = began.elapsed().as_secs_f64();
    made?;
    if spent.is_empty() {
        return Err(Error::order(format!("{} has no operators that can be timed", model.name()))
            .mend("choose a model pack with a network, and --device cpu"));
    }
    let folded = folded(&spent, seconds);
    let mut options = Options::default();
    options.title = format!("A clip of {} frames, {}", model.shape().clip_frames, model.name());
    options.count_name = "us".into();
    let cannot = |e: Box<dyn std::error::Error + Send + Sync>| {
        Error::order(format!("the flame graph cannot be written to {}", file.display())).from_source(e)
    };
    let mut picture = Vec::new();
    from_lines(&mut options, folded.iter().map(String::as_str), &mut picture).map_err(|e| cannot(e.into()))?;
    std::fs::write(file, picture).map_err(|e| cannot(e.into()))?;
    Ok(spent.iter().take(MOST).map(|one| row(one, seconds)).collect())
}

/// Lines `part;operator;shape microseconds`, and what passed between operators.
fn folded(spent: &[Spent], seconds: f64) -> Vec<String> {
    let line = |one: &Spent| {
        let Spent { part, operator, shape, calls, time, .. } = one;
        format!("{part};{operator};{} ({calls} calls) {}", sizes(shape), time.as_micros())
    };
    let within: f64 = spent.iter().map(|one| one.time.as_secs_f64()).sum();
    let between = format!("between operators {}", ((seconds - within).max(0.0) * 1e6) as u64);
    spent.iter().map(line).chain([between]).collect()
}

fn sizes(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}

fn row(one: &Spent, seconds: f64) -> serde_json::Value {
    let time = one.time.as_secs_f64();
    serde_json::json!({
        "part": one.part, "operator": one.operator, "shape": one.shape, "calls": one.calls, "seconds": time,
        "share": time / seconds, "flops": one.flops,
    })
}

/// Prints rows for people.
pub(super) fn say(rows: &[serde_json::Value], file: &Path) {
    say!("where the time of a clip goes ({})", file.display());
    for row in rows {
        let number = |name: &str| row[name].as_f64().unwrap_or_default();
        let shape: Vec<usize> = row["shape"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_u64)
            .map(|n| n as usize)
            .collect();
        let (seconds, flops) = (number("seconds"), number("flops"));
        let rate = if flops > 0.0 { format!("{:.0} GFLOP/s", flops / seconds / 1e9) } else { String::new() };
        let what =
            format!("{}, {}", row["part"].as_str().unwrap_or_default(), row["operator"].as_str().unwrap_or_default());
        say!("{:5.1} %  {what:40}  {:22}  {:>4} calls  {rate}", 100.0 * number("share"), sizes(&shape), row["calls"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn lines_hold_all_of_the_time() {
        let one = |operator, micros| Spent {
            part: "resnets",
            operator,
            shape: vec![2, 8],
            calls: 3,
            time: Duration::from_micros(micros),
            flops: 0,
        };
        let lines = folded(&[one("product", 700), one("join", 200)], 0.001);
        assert_eq!(
            lines,
            ["resnets;product;2 x 8 (3 calls) 700", "resnets;join;2 x 8 (3 calls) 200", "between operators 100"]
        );
    }

    #[test]
    fn a_clip_becomes_a_picture_and_models_without_operators_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clip.svg");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let demo = diffusion::open("demo", &[root]).unwrap();
        let rows = draw(demo.as_ref(), &file).unwrap();
        let svg = std::fs::read_to_string(&file).unwrap();
        assert!(svg.contains("<svg") && svg.contains("group-norm"), "{}", &svg[..200]);
        let shares: f64 = rows.iter().filter_map(|row| row["share"].as_f64()).sum();
        assert!(rows.len() == MOST && (0.1..=1.0).contains(&shares), "{shares}");
        let error = draw(demo.as_ref(), &dir.path().join("no/clip.svg")).unwrap_err();
        assert!(error.to_string().contains("no/clip.svg"), "{error}");
        let pattern = diffusion::open("test-pattern", &[]).unwrap();
        let error = draw(pattern.as_ref(), &file).unwrap_err();
        assert!(error.mending().is_some() && error.to_string().contains("test-pattern"), "{error}");
    }
}
