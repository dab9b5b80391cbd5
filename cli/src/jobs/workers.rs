//! `emofarm workers`: who works on the farm, and orders to them.

use serde_json::Value;
use shared::Result;

use super::say_document;
use crate::{
    args::jobs::WorkersArgs,
    client::{Api, Ask, wire},
    exit,
    output::Table,
    runtime,
    settings::Settings,
};

/// Lists the workers, or tells one what to do.
pub(crate) fn run(args: &WorkersArgs, settings: &Settings, json: bool) -> Result<u8> {
    let api = Api::new(settings)?;
    let order = [(&args.drain, "drain"), (&args.work, "work")];
    if let Some((worker, order)) = order.into_iter().find_map(|(worker, order)| Some((worker.as_ref()?, order))) {
        let document = runtime::client(api.json(&Ask::post(&["workers", worker, order])))?;
        told(&document, worker, order, json);
        return Ok(exit::DONE);
    }
    let document = runtime::client(api.json(&Ask::get(&["workers"])))?;
    if json {
        say_document(true, &document);
        return Ok(exit::DONE);
    }
    let workers: Vec<wire::Worker> = wire::items(&document)?;
    if workers.is_empty() {
        say!("no workers: start one with \"emofarm worker\", and a stitcher with \"emofarm stitcher\"");
        return Ok(exit::DONE);
    }
    let mut table = Table::new(&["worker", "lanes", "pools", "device", "state", "at", "done", "failed"]);
    for worker in workers {
        let at = match (worker.job, worker.task, worker.reason) {
            (Some(job), Some(task), _) => format!("{}… {task}", job.get(..8).unwrap_or(&job)),
            (_, _, Some(reason)) => reason,
            _ => String::new(),
        };
        let (done, failed) = (worker.done.to_string(), worker.failed.to_string());
        let (lanes, pools) = (worker.lanes.join(","), worker.pools.join(","));
        table.row([worker.id, lanes, pools, worker.device, worker.state, at, done, failed]);
    }
    table.say();
    Ok(exit::DONE)
}

fn told(document: &Value, worker: &str, order: &str, json: bool) {
    if json {
        say_document(true, document);
    } else if order == "drain" {
        say!("{worker} finishes its task and takes nothing more");
    } else {
        say!("{worker} takes tasks again");
    }
}
