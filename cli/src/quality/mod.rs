//! `emofarm quality`: how good a film is, in a table, as JSON, and as a chart.

mod chart;
mod source;
mod text;

use serde_json::json;
use shared::{Fps, JobId, Result, quality::Measured, quality::Summary};

use crate::{args::jobs::QualityArgs, exit, settings::Settings};

pub(crate) use source::keep_or_warn;

/// What was measured of a film.
pub(crate) struct Film {
    job: JobId,
    fps: Fps,
    records: Vec<Measured>,
}

/// Tells how good a film is. `asks_farm` says that the farm was named on the command line.
pub(crate) fn run(args: &QualityArgs, settings: &Settings, asks_farm: bool, json: bool) -> Result<u8> {
    let film = source::film(args, settings, asks_farm)?;
    let summary = Summary::of(&film.records, film.fps);
    if let Some(path) = &args.plot {
        chart::of(&film, &summary).save(path)?;
    }
    if json {
        let plot = args.plot.as_ref().map(|path| path.to_string_lossy());
        let document = json!({
            "ok": true, "job": film.job, "fps": film.fps, "summary": summary, "plot": plot, "records": film.records,
        });
        say!("{document:#}");
        return Ok(exit::DONE);
    }
    for line in text::lines(&film, &summary) {
        say!("{line}");
    }
    text::minutes(&film, &summary);
    if let Some(path) = &args.plot {
        say!("the chart is in {}", path.display());
    }
    Ok(exit::DONE)
}
