//! `emofarm model`: which packs there are, what is in one, and how they come here.

mod flops;
mod import;
mod meter;
mod pull;
mod verify;

use diffusion::{PackReport, PackSummary};
use shared::Result;

use crate::{
    args::model::{ModelArgs, ModelCommand},
    exit, output,
    settings::Settings,
};

/// Lists packs or inspects one.
pub(crate) fn run(args: &ModelArgs, settings: &Settings, json: bool) -> Result<u8> {
    let search = settings.search_path();
    match &args.command {
        ModelCommand::Import(args) => return import::run(args, settings, json),
        ModelCommand::Pull(args) => return pull::run(args, settings, json),
        ModelCommand::List => list(&diffusion::packs(&search), settings, json),
        ModelCommand::Inspect { name, flops: true, size, frames } => {
            flops::show(name, &diffusion::flops(name, &search, *size, *frames)?, json);
        }
        ModelCommand::Verify(args) => return verify::run(args, (&search, settings.device()?), json),
        ModelCommand::Inspect { name, .. } => {
            let report = diffusion::inspect(name, &search)?;
            if json {
                say!("{:#}", serde_json::json!({ "ok": true, "pack": report }));
            } else {
                show(&report);
            }
        }
    }
    Ok(exit::DONE)
}

fn list(packs: &[PackSummary], settings: &Settings, json: bool) {
    if json {
        say!("{:#}", serde_json::json!({ "ok": true, "default": settings.model, "packs": packs }));
        return;
    }
    for pack in packs {
        let mark = if pack.name == settings.model { "*" } else { " " };
        match &pack.fault {
            Some(fault) => say!("{mark} {:<16} cannot be used: {fault}", pack.name),
            None => {
                say!("{mark} {:<16} {:>4} px  {:<12} {}", pack.name, pack.image_size, pack.licence, pack.description);
            }
        }
    }
    let path: Vec<String> = settings.search_path().iter().map(|dir| dir.display().to_string()).collect();
    say!("\n* is the default (setting: model). Looked in: {}", path.join(", "));
}

fn show(report: &PackReport) {
    let pack = &report.summary;
    say!("{} {} ({}, {})", pack.name, pack.version, report.family, pack.licence);
    say!("{}", pack.description);
    if let Some(dir) = &pack.dir {
        say!("directory    {}", dir.display());
    }
    say!("made by      {}", report.created_by);
    say!("picture      {0} x {0} pixels", pack.image_size);
    let [channels, height, width] = report.latent;
    say!("latent       {channels} x {height} x {width} a frame");
    say!(
        "clip         {} after {} motion frames",
        output::count(u64::from(report.clip_frames), "frame"),
        report.motion_frames
    );
    if let (Some(steps), Some(guidance)) = (report.steps, report.guidance) {
        say!("sampler      {}, guidance {guidance}", output::count(steps as u64, "step"));
    }
    say!("parameters   {:.2} million", report.parameters as f64 / 1e6);
    for part in &report.parts {
        say!(
            "  {:<20} {:>8.2} million in {}",
            part.name,
            part.parameters as f64 / 1e6,
            output::count(part.tensors as u64, "tensor")
        );
    }
    for file in &report.files {
        let agrees = if file.compared { " agrees" } else { "" };
        say!("file         {} ({}), sha256 {}{agrees}", file.name, output::bytes(file.bytes), file.sha256);
        if let (Some(role), Some(licence)) = (file.role, &file.licence) {
            say!("  {role}, licence {licence}");
        }
    }
    say!("digest       {}", report.digest);
}
