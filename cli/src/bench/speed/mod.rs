//! `emofarm bench` without a verb: how fast this machine is at everything that a film takes.

mod card;
mod film;
mod flame;
mod house;
mod network;
mod row;

use std::time::Duration;

use shared::Result;

use crate::{
    args::bench::{BenchSpeedArgs, Subject},
    exit,
    progress::rows_bar,
    settings::Settings,
};
use row::Rows;

/// For how long the peak is measured.
const PEAK: Duration = Duration::from_millis(500);

/// Measures and prints.
pub(super) fn run(args: &BenchSpeedArgs, settings: &Settings, json: bool) -> Result<u8> {
    if args.only.contains(&Subject::Card) {
        return card::run(settings, json);
    }
    let model = args.model.as_ref().unwrap_or(&settings.model);
    if let Some(file) = &args.flame {
        let loaded = diffusion::open_on(model, &settings.search_path(), settings.device()?)?;
        let rows = flame::draw(loaded.as_ref(), file)?;
        if json {
            say!("{:#}", serde_json::json!({ "ok": true, "model": model, "file": file, "operators": rows }));
        } else {
            flame::say(&rows, file);
        }
        return Ok(exit::DONE);
    }
    let wanted = |subject: Subject| args.only.is_empty() || args.only.contains(&subject);
    let any = |subjects: &[Subject]| subjects.iter().any(|subject| wanted(*subject));
    let mut rows = Rows::new(Duration::from_secs_f64(args.seconds), diffusion::bench::peak(PEAK), rows_bar(json));
    let peak = rows.peak;
    if wanted(Subject::Operators) {
        network::operators(&mut rows)?;
    }
    if any(&[Subject::Step, Subject::Clip, Subject::Vae, Subject::Speech, Subject::Portrait]) {
        rows.begin("loading the model");
        let loaded = diffusion::open_on(model, &settings.search_path(), settings.device()?)?;
        network::model(&mut rows, loaded.as_ref(), &wanted)?;
        if wanted(Subject::Vae) {
            rows.begin("loading the autoencoder");
            network::encoder(&mut rows, model, settings)?;
        }
    }
    if wanted(Subject::Stitch) {
        film::stitch(&mut rows)?;
    }
    if any(&[Subject::Ledger, Subject::Queue]) {
        let runtime = crate::runtime::embedded()?;
        house::measure(&mut rows, &runtime, &wanted)?;
    }
    let rows = rows.finish();
    let device = settings.device()?.describe();
    if json {
        let document = serde_json::json!({
            "ok": true, "device": device, "peak_flops": peak, "model": model, "ffmpeg": media::codecs::ffmpeg_version(), "rows": rows
        });
        say!("{document:#}");
        return Ok(exit::DONE);
    }
    say!("{device}; fused multiply-adds of single precision alone reach {:.0} GFLOP/s; model {model}", peak / 1e9);
    row::say(&rows);
    Ok(exit::DONE)
}
