//! `emofarm watch`: follows a job with live bars.

use std::time::Duration;

use serde_json::Value;
use shared::{JobId, Result};
use tokio::sync::watch;

use super::{bars::Bars, ended_badly, say_document};
use crate::{
    args::jobs::JobArgs,
    client::{
        Api, Ask,
        events::{self, Happening},
        wire,
    },
    exit, runtime,
    settings::Settings,
};

/// The shortest time between two looks at all tasks of a job, which a long one has thousands of.
const LOOK: Duration = Duration::from_secs(2);

/// Tasks of a job that bars are made of; an hour of film has some thousand.
const MOST: usize = 100_000;

/// Follows the job until it has ended.
pub(crate) fn run(args: &JobArgs, settings: &Settings, json: bool) -> Result<u8> {
    let api = Api::new(settings)?;
    let (job, document) = runtime::client(follow(&api, &args.job, json))?;
    let done = job.state == "done";
    if json {
        say_document(done, &document);
        return Ok(if done { exit::DONE } else { exit::FAILED });
    }
    if !done {
        return Err(ended_badly(&job));
    }
    say!("job {0} is done: \"emofarm download {0} -o film.mp4\" fetches the film", args.job);
    Ok(exit::DONE)
}

/// Follows a job, with bars unless `quiet`; the job as it ended, and the farm's document about it.
///
/// # Errors
/// As [`events::follow`].
pub(crate) async fn follow(api: &Api, id: &JobId, quiet: bool) -> Result<(wire::Job, Value)> {
    // Unknown jobs and wrong tokens are told before anything is drawn.
    let document = api.json(&Ask::get(&["jobs", id.as_str()])).await?;
    let job: wire::Job = wire::parsed(&document)?;
    if job.is_over() {
        return Ok((job, document));
    }
    let bars = Bars::new(quiet);
    bars.job(&job);
    let (changed, look) = watch::channel(());
    let mut on = |happening: &Happening| {
        bars.happened(happening);
        let _ = changed.send(());
    };
    let ended = tokio::select! {
        ended = events::follow(api, id, &mut on) => ended,
        never = chains(api, id, &bars, look) => match never {},
    };
    bars.clear();
    let job = ended?;
    let document = api.json(&Ask::get(&["jobs", id.as_str()])).await?;
    Ok((job, document))
}

/// Keeps the bars of the chains where the tasks are, whenever something happened.
async fn chains(api: &Api, id: &JobId, bars: &Bars, mut look: watch::Receiver<()>) -> std::convert::Infallible {
    loop {
        if bars.are_drawn() {
            match api.list(&Ask::of(id, "tasks"), MOST).await.and_then(|tasks| wire::parsed(&Value::from(tasks))) {
                Ok::<Vec<wire::Task>, _>(tasks) => bars.tasks(&tasks),
                Err(error) => tracing::debug!(%error, "the tasks cannot be read; the bars stand still"),
            }
        }
        tokio::time::sleep(LOOK).await;
        if look.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
