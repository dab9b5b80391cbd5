//! `emofarm status` and `emofarm explain`: where a job stands, and why.

use shared::Result;

use super::{list, say_document};
use crate::{
    args::jobs::JobArgs,
    client::{Api, Ask, wire},
    exit, output, runtime,
    settings::Settings,
};

/// `status`.
pub(crate) fn status(args: &JobArgs, settings: &Settings, json: bool) -> Result<u8> {
    let api = Api::new(settings)?;
    let document = runtime::client(api.json(&Ask::get(&["jobs", args.job.as_str()])))?;
    if json {
        say_document(true, &document);
        return Ok(exit::DONE);
    }
    let job: wire::Job = wire::parsed(&document)?;
    for line in lines(&job) {
        say!("{line}");
    }
    Ok(exit::DONE)
}

fn lines(job: &wire::Job) -> Vec<String> {
    let progress = job.progress;
    let mut lines = vec![format!("job        {}", job.id), format!("state      {}", list::state(job))];
    lines.extend(job.error.as_ref().map(|error| format!("why        {error}")));
    lines.extend(job.external_id.as_ref().map(|id| format!("your id    {id}")));
    lines.push(format!("priority   {}", job.priority));
    lines.push(format!("submitted  {} UTC", job.submitted));
    if let Some(ended) = job.ended {
        let took = output::duration(ended.since(job.submitted).as_secs_f64());
        lines.push(format!("ended      {ended} UTC, after {took}"));
    }
    lines.push(format!(
        "progress   {} of {} rendered, {} of {} done",
        progress.frames_rendered,
        output::count(progress.frames, "frame"),
        progress.tasks_done,
        output::count(progress.tasks, "task"),
    ));
    lines.extend(job.position.map(|position| format!("position   {} before it", output::count(position, "task"))));
    if let Some(wire::Eta { p50_seconds, p90_seconds }) = job.eta.filter(|_| !job.is_over()) {
        let (likely, surely) = (output::duration(p50_seconds), output::duration(p90_seconds));
        lines.push(format!("done in    about {likely}, nine times of ten within {surely}"));
    }
    lines
}

/// `explain`.
pub(crate) fn explain(args: &JobArgs, settings: &Settings, json: bool) -> Result<u8> {
    let api = Api::new(settings)?;
    let document = runtime::client(api.json(&Ask::of(&args.job, "explain")))?;
    if json {
        say_document(true, &document);
        return Ok(exit::DONE);
    }
    let reasons: Vec<wire::Reason> = document.get("reasons").map_or_else(|| Ok(Vec::new()), wire::parsed)?;
    if reasons.is_empty() {
        say!("job {}: nothing holds it up", args.job);
    }
    for wire::Reason { code, text } in reasons {
        say!("{text} [{code}]");
    }
    Ok(exit::DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_well() {
        let document = serde_json::json!({
            "id": "00", "state": "running", "hold": "paused", "priority": 50, "submitted": "2026-11-21T15:04:05.678Z",
            "progress": { "frames_rendered": 12, "frames": 125, "tasks_done": 1, "tasks": 5, "share": 0.1 },
            "eta": { "p50_seconds": 80.0, "p90_seconds": 200.0 }, "unknown": [],
        });
        let text = lines(&wire::parsed(&document).unwrap()).join("\n");
        for part in
            ["state      paused", "12 of 125 frames rendered, 1 of 5 tasks done", "about 1 min 20 s", "15:04:05"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
