//! `emofarm plan`: what a render would do.

use diffusion::Installed;
use serde_json::{Value, json};
use shared::{
    Fps, Frames, Join, Layout, Plan, Result, TaskKind, Timecode,
    ports::Packs as _,
    seams::{Seam, Why},
};

use crate::{
    args::{effort::EffortArgs, render::PlanArgs},
    exit, output,
    settings::Settings,
};

/// Measures the track, makes the plan and prints it.
pub(crate) fn run(args: &PlanArgs, settings: &Settings, json: bool) -> Result<u8> {
    let packs = Installed::new(settings.search_path());
    let card = packs.card(&settings.model)?;
    let chosen = chosen(args);
    let spent = packs.effort(&card, &chosen)?;
    let wishes = settings.wishes(0, &args.shape.chains, chosen)?;
    let coordinator::Outline { track, plan, continuity, seams } =
        coordinator::outline(&args.audio, &wishes, &card.shape)?;
    let frames = plan.shape.frames;
    if json {
        let document = json!({
            "ok": true,
            "audio": args.audio.to_string_lossy(),
            "seconds": track.seconds(),
            "fps": settings.fps,
            "model": card.name,
            "effort": spent,
            "frames": frames,
            "clips": clips(&plan),
            "continuity": continuity.name(),
            "chains": chains(&plan)?,
            "seams": seams.iter().map(|seam| described(seam, settings.fps)).collect::<Vec<_>>(),
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
    say!("continuity {}", continuity.name());
    if let Some(spent) = spent {
        say!("each clip: {spent}");
    }
    say!(
        "{} in {} of {}, {}, {} in {}, then the film",
        output::count(clips(&plan), "clip"),
        output::count(number(&plan, |kind| matches!(kind, TaskKind::Segment { .. })), "segment"),
        output::count(plan.cuts.seams.len() as u64 + 1, "chain"),
        output::count(number(&plan, |kind| matches!(kind, TaskKind::Bridge { .. })), "bridge"),
        "decoded and encoded",
        output::count(number(&plan, |kind| matches!(kind, TaskKind::Part { .. })), "part"),
    );
    tell_chains(&plan, &seams, settings.fps)?;
    for node in &plan.tasks {
        let run = node.kind.frames().map(|frames| span(frames, settings.fps));
        say!("  {:<18} {}", node.id, run.unwrap_or_default());
    }
    Ok(exit::DONE)
}

/// What decides how much is computed.
fn chosen(args: &PlanArgs) -> shared::job::Settings {
    let EffortArgs { quality, solver, guidance_band, reuse } = args.effort;
    let (steps, guidance) = (args.steps, args.guidance);
    shared::job::Settings { steps, guidance, quality, solver, guidance_band, reuse, ..shared::job::Settings::default() }
}

/// The chains with the seams between them; a film of one chain has nothing to tell.
fn tell_chains(plan: &Plan, seams: &[Seam], fps: Fps) -> Result<()> {
    if seams.is_empty() {
        return Ok(());
    }
    let layout = Layout::new(plan.shape, &plan.cuts)?;
    let (count, join) = (output::count(layout.chains() as u64, "chain"), plan.cuts.join.name());
    say!("{count} side by side, joined by {join}");
    for chain in 0..layout.chains() {
        let (owned, rendered) = (layout.owned(chain), layout.rendered(chain));
        say!("  {:<18} {}, {} rendered", format!("chain {chain}"), span(owned, fps), rendered.len());
        if let Some(seam) = seams.get(chain) {
            let bridge = layout.bridge(chain).and_then(|kind| kind.frames());
            let over = bridge.map(|frames| format!(", {join} over {}", output::count(frames.len(), "frame")));
            say!("  {:<18} {}", format!("seam {chain}"), place(seam, fps) + &over.unwrap_or_default());
        }
    }
    Ok(())
}

/// Where a seam lies, and why there.
fn place(seam: &Seam, fps: Fps) -> String {
    let at = |frame| Timecode { frame, fps };
    let why = match seam.why {
        Why::Shot => "where a shot begins".to_owned(),
        Why::Pause { seconds } => format!("in a pause of {seconds:.2} s"),
        Why::Lull => "in the quietest place, for want of a pause".to_owned(),
        Why::Even => "at even distances".to_owned(),
    };
    let moved = if seam.frame == seam.wanted { String::new() } else { format!(", wanted at {}", at(seam.wanted)) };
    format!("{} {why}{moved}", at(seam.frame))
}

fn span(frames: Frames, fps: Fps) -> String {
    let at = |frame| Timecode { frame, fps };
    format!("{} … {}  ({})", at(frames.start), at(frames.end - 1), output::count(frames.len(), "frame"))
}

fn chains(plan: &Plan) -> Result<Vec<Value>> {
    let layout = Layout::new(plan.shape, &plan.cuts)?;
    let chain = |chain| json!({ "owned": layout.owned(chain), "rendered": layout.rendered(chain) });
    Ok((0..layout.chains()).map(chain).collect())
}

fn described(seam: &Seam, fps: Fps) -> Value {
    let mut value = json!(seam);
    value["timecode"] = Timecode { frame: seam.frame, fps }.to_string().into();
    value
}

fn number(plan: &Plan, which: impl Fn(&TaskKind) -> bool) -> u64 {
    plan.tasks.iter().filter(|node| which(&node.kind)).count() as u64
}

/// Clips that are rendered: all of the segments, and at least one for each bridge that is denoised.
fn clips(plan: &Plan) -> u64 {
    let clip = u64::from(plan.shape.clip_frames);
    let bridged = u64::from(plan.cuts.join == Join::Bridge);
    let clips = plan.tasks.iter().map(|node| match node.kind {
        TaskKind::Segment { frames, .. } => frames.len().div_ceil(clip),
        TaskKind::Bridge { .. } => bridged,
        TaskKind::Prepare | TaskKind::Part { .. } | TaskKind::Film => 0,
    });
    clips.sum()
}
