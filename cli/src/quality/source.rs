//! Where the measures of a film are: with a render on this machine, or with the farm.

use std::path::{Path, PathBuf};

use shared::{Error, Fps, JobId, Result, quality::Measured};
use stores::Urls;

use super::Film;
use crate::{
    args::jobs::QualityArgs,
    client::{Api, Ask, wire},
    runtime,
    settings::Settings,
};

/// Renders whose measures are kept on this machine.
const KEPT: usize = 50;

/// Records that are asked for at once.
const PAGE: u32 = 1000;

/// Records that are read at most: ten hours of film.
const MOST: usize = 500_000;

/// The measures of a finished render, kept when everything else of it goes.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    fps: Fps,
    records: Vec<Measured>,
}

/// The measures of the job: those of a render on this machine when there are any, else the farm's.
///
/// # Errors
/// When neither knows the job.
pub(super) fn film(args: &QualityArgs, settings: &Settings, asks_farm: bool) -> Result<Film> {
    let (job, data) = (&args.job, args.data_dir.as_deref().unwrap_or(&settings.data_dir));
    if !asks_farm && let Some(film) = here(data, job)? {
        return Ok(film);
    }
    if args.data_dir.is_some() {
        return Err(Error::order(format!("no render of job {job} is known in {}", data.display()))
            .mend("leave --data-dir out to ask the farm"));
    }
    runtime::client(of_farm(&Api::new(settings)?, job))
}

fn here(data: &Path, job: &JobId) -> Result<Option<Film>> {
    let work = data.join("renders").join(job.as_str());
    if work.join("ledger.db").is_file() {
        return runtime::client(of_work(&work, job));
    }
    let path = file(data, job);
    let damaged = |e: &dyn std::fmt::Display| {
        Error::world(format!("{} cannot be read: {e}", path.display())).mend("remove it, or render the film again")
    };
    match std::fs::read(&path) {
        Ok(bytes) => {
            let Kept { fps, records } = serde_json::from_slice(&bytes).map_err(|e| damaged(&e))?;
            Ok(Some(Film { job: job.clone(), fps, records }))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(damaged(&e)),
    }
}

/// The measures so far of a render that goes on, was interrupted, or is kept.
async fn of_work(work: &Path, job: &JobId) -> Result<Option<Film>> {
    let stores = stores::open(&Urls {
        ledger: format!("sqlite://{}", work.join("ledger.db").display()),
        queue: "memory:".into(),
        blobs: format!("file://{}", work.join("blobs").display()),
    })
    .await?;
    let Some(found) = stores.ledger.job(job).await? else { return Ok(None) };
    let records = all(&stores, job).await?;
    Ok(Some(Film { job: job.clone(), fps: found.order.fps, records }))
}

async fn all(stores: &stores::Stores, job: &JobId) -> Result<Vec<Measured>> {
    let mut records = Vec::new();
    loop {
        let page = stores.ledger.quality(job, records.len() as u32, PAGE).await?;
        let last = page.len() < PAGE as usize || records.len() >= MOST;
        records.extend(page);
        if last {
            return Ok(records);
        }
    }
}

async fn of_farm(api: &Api, job: &JobId) -> Result<Film> {
    let status = api.json(&Ask::get(&["jobs", job.as_str()])).await?;
    let fps = status.pointer("/order/fps").and_then(|fps| fps.as_str()).unwrap_or_default().parse()?;
    let ask = Ask::of(job, "quality").query("limit", PAGE.to_string());
    let items = api.list(&ask, MOST).await?;
    let records = items.into_iter().map(|item| wire::parsed::<wire::Quality>(&item).map(wire::Quality::record));
    Ok(Film { job: job.clone(), fps, records: records.collect::<Result<_>>()? })
}

fn file(data: &Path, job: &JobId) -> PathBuf {
    data.join("quality").join(format!("{job}.json"))
}

/// Keeps the measures of a render that is done; how many places somebody should look at. A film that is delivered does not fail for it.
pub(crate) async fn keep_or_warn(data: &Path, stores: &stores::Stores, job: &JobId, fps: Fps) -> usize {
    keep(data, stores, job, fps).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the film is delivered, but what was measured of it is not kept");
        0
    })
}

/// Of earlier renders the latest stay.
async fn keep(data: &Path, stores: &stores::Stores, job: &JobId, fps: Fps) -> Result<usize> {
    let records = all(stores, job).await?;
    let warnings = records.iter().filter(|record| record.warning().is_some()).count();
    let path = file(data, job);
    let cannot = |e: &dyn std::fmt::Display| Error::world(format!("{} cannot be written: {e}", path.display()));
    let bytes = serde_json::to_vec(&Kept { fps, records }).map_err(|e| cannot(&e))?;
    let dir = data.join("quality");
    std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(&path, bytes)).map_err(|e| cannot(&e))?;
    forget(&dir);
    Ok(warnings)
}

/// Removes the oldest files beyond those that are kept; what cannot be removed now is left for the next time.
fn forget(dir: &Path) {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let dated = entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())));
    let mut all: Vec<_> = dated.filter(|(_, path)| path.extension().is_some_and(|e| e == "json")).collect();
    all.sort();
    for (_, path) in all.iter().take(all.len().saturating_sub(KEPT)) {
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_renders_stay() {
        let dir = tempfile::tempdir().unwrap();
        for place in 0..KEPT + 3 {
            let path = dir.path().join(format!("{place:02}.json"));
            std::fs::write(&path, "{}").unwrap();
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(place as u64);
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        }
        std::fs::write(dir.path().join("note.txt"), "not a render's").unwrap();
        forget(dir.path());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), KEPT + 1);
        assert!(!dir.path().join("02.json").exists() && dir.path().join("03.json").exists());
    }
}
