//! The verbs on a farm's jobs, through its API.

mod bars;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod retake;
pub(crate) mod show;
pub(crate) mod steer;
pub(crate) mod submit;
pub(crate) mod watch;
pub(crate) mod workers;

use serde_json::Value;
use shared::{Error, Result};

use crate::{
    args::jobs::DownloadArgs,
    client::{Api, fetch::fetch, wire},
    delivery::Delivery,
    exit, output, runtime,
    settings::Settings,
};

/// `emofarm download`: the film or another artifact, whole or not at all.
pub(crate) fn download(args: &DownloadArgs, settings: &Settings, json: bool) -> Result<u8> {
    let place = if args.artifact == "thumbnail" {
        Delivery::check_any(&args.output, args.overwrite)?
    } else {
        Delivery::check(&args.output, args.overwrite, &[])?
    };
    let api = Api::new(settings)?;
    let bytes = runtime::client(fetch(&api, &args.job, &args.artifact, &place, json))?;
    if json {
        let file = args.output.to_string_lossy();
        say!("{:#}", serde_json::json!({ "ok": true, "job": args.job, "file": file, "bytes": bytes }));
    } else {
        say!("{}: {}", args.output.display(), output::bytes(bytes));
    }
    Ok(exit::DONE)
}

/// Prints a document of the farm as this program prints its own.
fn say_document(ok: bool, document: &Value) {
    let mut out = serde_json::Map::new();
    out.insert("ok".into(), ok.into());
    match document {
        Value::Object(fields) => out.extend(fields.clone()),
        other => drop(out.insert("answer".into(), other.clone())),
    }
    say!("{:#}", Value::Object(out));
}

/// The error of a job that ended without a film.
pub(crate) fn ended_badly(job: &wire::Job) -> Error {
    let why = job.error.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let error =
        Error::world(format!("job {} {}{why}", job.id, if job.state == "failed" { "failed" } else { "was cancelled" }));
    error.mend(format!("\"emofarm logs {0}\" shows the attempts; \"emofarm retry {0}\" takes it up again", job.id))
}
