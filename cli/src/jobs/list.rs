//! `emofarm jobs`: a list, the latest first.

use serde_json::json;
use shared::Result;

use super::say_document;
use crate::{
    args::jobs::JobsArgs,
    client::{Api, Ask, wire},
    exit,
    output::Table,
    runtime,
    settings::Settings,
};

/// Jobs on one page of the API.
const PAGE: u32 = 200;

/// Lists the jobs that were asked for.
pub(crate) fn run(args: &JobsArgs, settings: &Settings, json: bool) -> Result<u8> {
    let api = Api::new(settings)?;
    let jobs = runtime::client(api.list(&ask(args), args.limit as usize))?;
    if json {
        say_document(true, &json!({ "jobs": jobs }));
        return Ok(exit::DONE);
    }
    let mut table = Table::new(&["job", "state", "priority", "done", "submitted", "your id", "labels"]);
    for document in &jobs {
        let job: wire::Job = wire::parsed(document)?;
        let labels: Vec<String> = job.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let row = [
            job.id.clone(),
            state(&job).to_owned(),
            job.priority.to_string(),
            share(job.progress),
            job.submitted.to_string(),
            job.external_id.unwrap_or_default(),
            labels.join(" "),
        ];
        table.row(row);
    }
    if jobs.is_empty() {
        say!("no jobs");
    } else {
        table.say();
    }
    Ok(exit::DONE)
}

/// The list that is asked for.
fn ask(args: &JobsArgs) -> Ask {
    let mut ask = Ask::get(&["jobs"]).query("limit", args.limit.min(PAGE).to_string());
    let joined = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join(","));
    let states = joined(args.states.iter().map(|state| state.name().to_owned()).collect());
    let labels = joined(args.labels.iter().map(|(key, value)| format!("{key}:{value}")).collect());
    for (name, value) in [("state", states), ("label", labels), ("external_id", args.external_id.clone())] {
        if let Some(value) = value {
            ask = ask.query(name, value);
        }
    }
    ask
}

/// What a job is, in one word.
pub(super) fn state(job: &wire::Job) -> &str {
    if job.state == "running" && !matches!(job.hold.as_str(), "" | "none") { &job.hold } else { &job.state }
}

/// Frames rendered, in percent.
pub(super) fn share(progress: wire::Progress) -> String {
    match progress.frames {
        0 => String::new(),
        frames => format!("{} %", progress.frames_rendered * 100 / frames),
    }
}
