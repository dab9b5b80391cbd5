//! `emofarm plan`: what a render would do.

use diffusion::Installed;
use shared::{Plan, Result, TaskKind, Timecode, ports::Packs as _};

use crate::{args::render::PlanArgs, exit, output, settings::Settings};

/// Measures the track, makes the plan and prints it.
pub(crate) fn run(args: &PlanArgs, settings: &Settings, json: bool) -> Result<u8> {
    let card = Installed::new(settings.search_path()).card(&settings.model)?;
    let wishes = settings.wishes(0, shared::job::Settings::default());
    let coordinator::Outline { track, plan } = coordinator::outline(&args.audio, &wishes, &card.shape)?;
    let frames = plan.shape.frames;
    if json {
        let document = serde_json::json!({
            "ok": true,
            "audio": args.audio.to_string_lossy(),
            "seconds": track.seconds(),
            "fps": settings.fps,
            "model": card.name,
            "frames": frames,
            "clips": clips(&plan),
            "plan": plan,
        });
        say!("{document:#}");
        return Ok(exit::DONE);
    }
    say!(
        "{}: {}, {} Hz, {}",
        args.audio.display(),
        output::duration(track.seconds()),
        track.rate,
        output::count(u64::from(track.channels), "channel")
    );
    say!("model {}, {} frames a second, {}", card.name, settings.fps, output::count(frames, "frame"));
    say!(
        "{} in {}, {} in {}, then the film",
        output::count(clips(&plan), "clip"),
        output::count(number(&plan, TaskKind::renders), "segment"),
        "decoded and encoded",
        output::count(number(&plan, |kind| matches!(kind, TaskKind::Part { .. })), "part"),
    );
    for node in &plan.tasks {
        let span = node.kind.frames().map(|frames| {
            let at = |frame| Timecode { frame, fps: settings.fps };
            format!("{} … {}  ({})", at(frames.start), at(frames.end - 1), output::count(frames.len(), "frame"))
        });
        say!("  {:<18} {}", node.id, span.unwrap_or_default());
    }
    Ok(exit::DONE)
}

fn number(plan: &Plan, which: impl Fn(&TaskKind) -> bool) -> u64 {
    plan.tasks.iter().filter(|node| which(&node.kind)).count() as u64
}

fn clips(plan: &Plan) -> u64 {
    let clip = u64::from(plan.shape.clip_frames);
    let segments = plan.tasks.iter().filter(|node| node.kind.renders()).filter_map(|node| node.kind.frames());
    segments.map(|frames| frames.len().div_ceil(clip)).sum()
}
