//! `emofarm simulate`: a farm in virtual time.

mod bands;
mod chart;
mod films;
mod meter;
mod say;

use std::path::Path;

use coordinator::simulate::{Farm, Latencies, simulate};
use diffusion::Installed;
use shared::{Error, Result, ports::Packs as _};

use self::{films::Maker, meter::Processor};
use crate::{args::simulate::SimulateArgs, exit, runtime, settings::Settings};

/// Simulates, prints what came of it, and draws it.
pub(crate) fn run(args: &SimulateArgs, settings: &Settings, json: bool) -> Result<u8> {
    let farm = farm(args);
    let films = maker(args, settings)?.films(args)?;
    let dir =
        tempfile::tempdir().map_err(|e| Error::world("no directory for the ledger can be made").from_source(e))?;
    // What the sweep of a real farm would warn of is part of the game here.
    let quiet = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
    let record = runtime::client(async {
        let ledger = stores::scratch_ledger(&dir.path().join("ledger.db")).await?;
        simulate(ledger, &films, &farm, &Processor).await
    })?;
    drop(quiet);
    let report = record.report();
    if let Some(file) = &args.plot {
        keep(file, &chart::draw(&record, &report, &films)?)?;
    }
    if json {
        say!("{:#}", say::document(&report)?);
    } else {
        say::text(&report, args);
    }
    Ok(exit::DONE)
}

fn farm(args: &SimulateArgs) -> Farm {
    let more = &args.latencies;
    Farm {
        workers: args.workers,
        stitchers: args.stitchers.unwrap_or(args.workers.div_ceil(8)),
        losses_per_hour: args.spot_loss,
        start_up: args.start_up_seconds,
        latencies: Latencies {
            clip: args.clip_seconds,
            prepare: more.prepare_seconds,
            prepare_rate: more.prepare_rate,
            part_rate: more.part_rate,
            film_rate: more.film_rate,
            transfer: more.transfer_seconds,
            claim: more.claim_seconds,
            take_up: more.take_up_seconds,
            spread: more.spread,
        },
        seed: args.seed,
    }
}

fn maker(args: &SimulateArgs, settings: &Settings) -> Result<Maker> {
    let shape = &args.shape;
    let model = shape.model.as_ref().unwrap_or(&settings.model);
    let of_model = || Ok(Installed::new(settings.search_path()).card(model)?.shape.clip_frames);
    let clip_frames = shape.clip_frames.map_or_else(of_model, Ok)?;
    Ok(Maker {
        fps: shape.fps.unwrap_or(settings.fps),
        clip_frames,
        segment_clips: shape.segment_clips.unwrap_or(settings.segment_clips),
        part_segments: shape.part_segments.unwrap_or(settings.part_segments),
        seed: args.seed,
    })
}

fn keep(file: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(file, bytes).map_err(|e| {
        Error::order(format!("the chart {} cannot be written", file.display()))
            .from_source(e)
            .mend("name a file in a directory that you may write to")
    })
}
