//! `emofarm submit`: orders a film from the farm.

use std::path::Path;

use serde_json::Value;
use shared::{Error, JobId, Result};

use super::{ended_badly, say_document, watch};
use crate::{
    args::orders::{LookArgs, SubmitArgs},
    chance,
    client::{
        Api, Ask,
        fetch::fetch,
        order::OrderBody,
        upload::{Input, Package},
        wire,
    },
    delivery::Delivery,
    exit,
    output::{self, note},
    runtime,
    settings::Settings,
};

/// Submits the job, and waits for the film when that is wanted.
pub(crate) fn run(args: &SubmitArgs, settings: &Settings, json: bool) -> Result<u8> {
    let portrait = Input::typed(&args.portrait, Path::new("."))?;
    let audio = Input::typed(&args.audio, Path::new("."))?;
    let shots = args.look.chains.shots.as_deref();
    let inputs: Vec<&Path> = [&portrait, &audio].into_iter().filter_map(Input::file).chain(shots).collect();
    let place = args.output.as_ref().map(|path| Delivery::check(path, args.overwrite, &inputs)).transpose()?;
    let order = OrderBody::new(&args.look, &args.terms, settings.webhook_secret.get())?;
    let api = Api::new(settings)?;
    if args.estimate {
        return estimate(&api, &audio, args, json);
    }
    let package = Package { portrait: &portrait, audio: &audio, order, key: &chance::key()? };
    runtime::client(async {
        let document = package.send(&api, json).await?;
        see_through(&api, &document, args.wait, place.as_ref(), json).await
    })
}

/// Shows a job that the farm took, or follows it to its end and fetches the film, as was asked.
///
/// # Errors
/// When the job fails, or its film cannot be fetched.
pub(super) async fn see_through(
    api: &Api,
    document: &Value,
    wait: bool,
    place: Option<&Delivery>,
    json: bool,
) -> Result<u8> {
    let id = id_of(document)?;
    if !wait && place.is_none() {
        show(document, &id, json);
        return Ok(exit::DONE);
    }
    if !json {
        note(format_args!("job {id} is submitted"));
    }
    let (job, last) = watch::follow(api, &id, json).await?;
    if job.state != "done" {
        return Err(ended_badly(&job));
    }
    let bytes = match place {
        Some(place) => Some(fetch(api, &id, "film", place, json).await?),
        None => None,
    };
    match (json, place, bytes) {
        (true, ..) => say_document(true, &last),
        (false, Some(place), Some(bytes)) => say!("{}: {}", place.path().display(), output::bytes(bytes)),
        _ => say!("job {id} is done: \"emofarm download {id} -o film.mp4\" fetches the film"),
    }
    Ok(exit::DONE)
}

/// The job's id in the farm's answer.
///
/// # Errors
/// When there is none.
pub(crate) fn id_of(document: &Value) -> Result<JobId> {
    let id = document.get("job").and_then(|job| job.get("id")).and_then(Value::as_str);
    id.ok_or_else(|| Error::world("the farm took the order and named no job"))?.parse()
}

fn show(document: &Value, id: &JobId, json: bool) {
    if json {
        return say_document(true, document);
    }
    let job: wire::Job = document.get("job").and_then(|job| wire::parsed(job).ok()).unwrap_or_default();
    let new = document.get("new").and_then(Value::as_bool).unwrap_or(true);
    say!(
        "job {id} {}",
        if new { "is submitted".to_owned() } else { format!("was ordered before and is {}", job.state) }
    );
    if let Some(estimate) = document.get("estimate").and_then(|estimate| wire::parsed(estimate).ok()) {
        say!("{}", estimate_line(&estimate));
    }
    say!("\"emofarm watch {id}\" follows it");
}

/// The farm is asked with the length of the track: nothing is uploaded.
fn estimate(api: &Api, audio: &Input, args: &SubmitArgs, json: bool) -> Result<u8> {
    let Input::File(path) = audio else {
        return Err(Error::order("the length of a track that the farm would fetch is not known here")
            .mend("give --estimate a file"));
    };
    let mut ask = serde_json::json!({ "seconds": media::audio::measure(path)?.seconds() });
    let LookArgs { model, fps, segment_clips, chains, .. } = &args.look;
    let given = [
        ("model", model.clone().map(Value::from)),
        ("fps", fps.map(|fps| Value::from(fps.to_string()))),
        ("segment_clips", segment_clips.map(Value::from)),
        ("continuity", chains.continuity.map(|continuity| Value::from(continuity.name()))),
        ("chain_seconds", chains.chain_seconds.map(Value::from)),
        ("join", chains.join.map(|join| Value::from(join.name()))),
        ("pool", args.terms.pool.as_ref().map(|pool| Value::from(pool.as_str()))),
    ];
    for (name, value) in given.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        ask[name] = value;
    }
    let document = runtime::client(api.json(&Ask::post(&["estimate"]).body(ask)))?;
    if json {
        say_document(true, &document);
    } else {
        say!("{}", estimate_line(&wire::parsed(&document)?));
    }
    Ok(exit::DONE)
}

/// What the farm expects, in one line; what it has not measured yet is left out.
fn estimate_line(estimate: &wire::Estimate) -> String {
    let tasks = estimate.tasks.values().sum();
    let mut parts = vec![output::count(estimate.frames, "frame"), output::count(tasks, "task")];
    parts.extend((estimate.chains > 1).then(|| output::count(estimate.chains, "chain")));
    parts.extend(estimate.render_seconds.map(|n| format!("about {} of rendering", output::duration(n))));
    parts.extend(estimate.shortest_seconds.map(|n| format!("at least {} on a free farm", output::duration(n))));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_told_as_far_as_they_are_known() {
        let line = |document| estimate_line(&wire::parsed(&document).unwrap());
        let known = serde_json::json!({ "frames": 125, "tasks": { "segment": 3, "film": 1 }, "render_seconds": 80.0 });
        assert_eq!(line(known), "125 frames, 4 tasks, about 1 min 20 s of rendering");
        assert_eq!(line(serde_json::json!({ "frames": 1, "render_seconds": null })), "1 frame, 0 tasks");
        let chains = serde_json::json!({ "frames": 1500, "chains": 2, "tasks": { "segment": 30 } });
        assert_eq!(line(chains), "1500 frames, 30 tasks, 2 chains");
        let id = serde_json::json!({ "job": { "id": "../x" } });
        assert!(id_of(&id).is_err() && id_of(&Value::Null).is_err());
    }
}
