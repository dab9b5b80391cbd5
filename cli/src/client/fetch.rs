//! Downloading: a file goes on where it was cut off, and appears when it is whole.

use std::{
    fs::{File, TryLockError},
    io::{Seek as _, SeekFrom, Write as _},
    time::Duration,
};

use indicatif::ProgressBar;
use reqwest::{Response, StatusCode, header};
use shared::{Error, JobId, Result, error::Cause, pace::Pace};

use super::{Api, Ask};
use crate::{delivery::Delivery, progress::transfer_bar};

/// How long the farm may be silent in the middle of a file.
const SILENCE: Duration = Duration::from_mins(1);

/// How often a download is taken up again that brings nothing new.
const TRIES: u32 = 6;

/// Downloads an artifact of a job to its place.
///
/// # Errors
/// What the farm says; when the place cannot be written. What came so far stays beside the place for the next time.
pub(crate) async fn fetch(api: &Api, job: &JobId, artifact: &str, to: &Delivery, quiet: bool) -> Result<u64> {
    let partial = to.partial(&format!("{}-{artifact}", &job.as_str()[..12]));
    let unwritable = |e: std::io::Error| {
        Error::world(format!("{} cannot be written", partial.display()))
            .from_source(e)
            .mend("make room or choose another place, then give the same command again")
    };
    let mut file = File::options().create(true).append(true).open(&partial).map_err(unwritable)?;
    file.try_lock().map_err(|e| match e {
        TryLockError::WouldBlock => Error::order(format!("{} is being downloaded already", to.path().display()))
            .mend("wait for the other download"),
        TryLockError::Error(e) => unwritable(e),
    })?;
    let ask = Ask::get(&["jobs", job.as_str(), "artifacts", artifact]);
    let bar = transfer_bar("downloading", 0, quiet);
    let mut waits = Pace::new(Duration::from_secs(1), u64::from(std::process::id()));
    let (mut tried, mut had) = (0, 0);
    loop {
        let have = file.seek(SeekFrom::End(0)).map_err(unwritable)?;
        tried = if have > had { 1 } else { tried + 1 };
        had = have;
        match piece(api, &ask, &mut file, have, &bar).await {
            Ok(()) => break,
            // A link that was good for some minutes is over, or the connection broke: the farm gives another.
            Err(error) if error.cause() == Cause::Unreachable && tried < TRIES => {
                tracing::info!(%error, have, "the download broke; taking it up again");
                tokio::time::sleep(waits.wait() * tried).await;
            }
            Err(error) => {
                bar.finish_and_clear();
                if have == 0 {
                    let _ = std::fs::remove_file(&partial);
                }
                return Err(error);
            }
        }
    }
    bar.finish_and_clear();
    let bytes = file.metadata().map_err(unwritable)?.len();
    to.keep(&partial)?;
    Ok(bytes)
}

/// Reads from byte `have` to the end, or until the connection breaks.
async fn piece(api: &Api, ask: &Ask, file: &mut File, have: u64, bar: &ProgressBar) -> Result<()> {
    let mut headers = vec![("Accept", "*/*".to_owned())];
    if have > 0 {
        headers.push(("Range", format!("bytes={have}-")));
    }
    let mut answer = match api.answer(ask, &headers, SILENCE).await {
        Ok(answer) => answer,
        // Nothing follows what is there: either it is whole, or it is not what the farm has.
        Err(error) if have > 0 && error.cause() == Cause::Order => {
            let whole = api.answer(ask, &[("Range", "bytes=0-0".to_owned())], SILENCE).await?;
            if total(&whole) == Some(have) {
                return Ok(());
            }
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    let broken = |e: std::io::Error| Error::world("what was downloaded cannot be kept").from_source(e);
    let have = if answer.status() == StatusCode::PARTIAL_CONTENT { have } else { 0 };
    file.set_len(have).map_err(broken)?;
    let expected = total(&answer);
    bar.set_length(expected.unwrap_or(0));
    bar.set_position(have);
    let mut had = have;
    loop {
        let bytes = tokio::time::timeout(SILENCE, answer.chunk()).await.map_err(|_| api.silent(SILENCE))?;
        let Some(bytes) = bytes.map_err(|e| api.unreachable(&e))? else { break };
        file.write_all(&bytes).map_err(broken)?;
        had += bytes.len() as u64;
        bar.set_position(had);
    }
    match expected {
        Some(expected) if expected != had => {
            Err(Error::unreachable(format!("the download broke off after {had} of {expected} bytes")))
        }
        _ => Ok(()),
    }
}

/// The length of the whole file, as an answer with all or part of it says.
fn total(answer: &Response) -> Option<u64> {
    let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    match answer.status() {
        StatusCode::PARTIAL_CONTENT => text(header::CONTENT_RANGE)?.rsplit_once('/')?.1.parse().ok(),
        _ => text(header::CONTENT_LENGTH)?.parse().ok(),
    }
}
