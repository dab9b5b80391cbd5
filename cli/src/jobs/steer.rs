//! The verbs that change how a job is worked on.

use serde_json::{Value, json};
use shared::{JobId, Result};

use super::say_document;
use crate::{
    args::jobs::{CancelArgs, PriorityArgs},
    chance,
    client::{Api, Ask, wire},
    exit, runtime,
    settings::Settings,
};

/// `pause`, `resume`, `drain`, `approve` and `retry`: the act is the last word of the request's path.
pub(crate) fn act(job: &JobId, act: &'static str, settings: &Settings, json: bool) -> Result<u8> {
    send(job, Ask::act(job, act), settings, json)
}

/// `cancel`, with a reason that is kept with the job.
pub(crate) fn cancel(args: &CancelArgs, settings: &Settings, json: bool) -> Result<u8> {
    let body = args.reason.as_ref().map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
    send(&args.job, Ask::act(&args.job, "cancel").body(body), settings, json)
}

/// `priority`: acts on all open tasks of the job at once.
pub(crate) fn priority(args: &PriorityArgs, settings: &Settings, json: bool) -> Result<u8> {
    let ask = Ask::put(&["jobs", args.job.as_str(), "priority"]).body(json!({ "priority": args.priority }));
    send(&args.job, ask, settings, json)
}

fn send(id: &JobId, ask: Ask, settings: &Settings, json: bool) -> Result<u8> {
    let api = Api::new(settings)?;
    let ask = ask.once(chance::key()?);
    let document = runtime::client(api.json(&ask))?;
    if json {
        say_document(true, &document);
    } else {
        say!("{}", line(id, &document));
    }
    Ok(exit::DONE)
}

/// What the job is now.
fn line(id: &JobId, document: &Value) -> String {
    let job: wire::Job = wire::parsed(document).unwrap_or_default();
    let state = match (job.state.as_str(), job.hold.as_str()) {
        ("running", "paused" | "draining") => job.hold,
        ("running", "preview") => "rendering its preview".into(),
        ("running", "approval") => "waiting for approval".into(),
        _ => job.state,
    };
    format!("job {id} is {state}, priority {}", job.priority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_the_job_is_now() {
        let id: JobId = "0".repeat(32).parse().unwrap();
        let told = |state: &str, hold: &str| line(&id, &json!({ "state": state, "hold": hold, "priority": 75 }));
        assert!(told("running", "none").ends_with("is running, priority 75"));
        assert!(told("running", "paused").ends_with("is paused, priority 75"));
        assert!(told("cancelled", "draining").ends_with("is cancelled, priority 75"));
    }
}
