//! `emofarm clean`: what renders on this machine left behind, and its removal.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use shared::{Error, JobId, Result};

use crate::{
    args::clean::CleanArgs,
    exit,
    house::{self, House},
    output::{self, Table, note},
    runtime,
    settings::Settings,
};

/// What one job left.
struct Left {
    job: JobId,
    dir: PathBuf,
    bytes: u64,
    /// How long nothing of it was written.
    age: Duration,
    /// `in use`, or the state of the job.
    state: String,
    removed: bool,
}

/// Lists what is there, and removes it when that was confirmed.
pub(crate) fn run(args: &CleanArgs, settings: &Settings, json: bool) -> Result<u8> {
    let renders = settings.data_dir.join("renders");
    if args.yes {
        house::remove_gone(&renders);
    }
    let mut found = runtime::client(find(&renders, args))?;
    if args.yes {
        for left in found.iter_mut().filter(|left| left.state != IN_USE) {
            left.removed = remove(&left.dir)?;
        }
    }
    if json {
        let items: Vec<Value> = found.iter().map(document).collect();
        say!("{:#}", json!({ "ok": true, "removed": args.yes, "renders": items }));
        return Ok(exit::DONE);
    }
    if found.is_empty() {
        say!("nothing to clean in {}", renders.display());
        return Ok(exit::DONE);
    }
    let mut table = Table::new(&["job", "size", "last written", "state"]);
    for left in &found {
        let ago = format!("{} ago", output::duration(left.age.as_secs_f64()));
        let state = if left.removed { "removed".to_owned() } else { left.state.clone() };
        table.row([left.job.to_string(), output::bytes(left.bytes), ago, state]);
    }
    table.say();
    let (all, free): (u64, u64) = (found.iter().map(|left| left.bytes).sum(), freed(&found));
    if args.yes {
        note(format_args!("{} removed", output::bytes(free)));
    } else {
        note(format_args!("{} in all; --yes removes what is not in use", output::bytes(all)));
    }
    Ok(exit::DONE)
}

/// The state of a directory that another process works in.
const IN_USE: &str = "in use";

fn freed(found: &[Left]) -> u64 {
    found.iter().filter(|left| left.removed).map(|left| left.bytes).sum()
}

fn document(left: &Left) -> Value {
    json!({
        "job": left.job, "directory": left.dir.to_string_lossy(), "bytes": left.bytes,
        "age_seconds": left.age.as_secs(), "state": left.state, "removed": left.removed,
    })
}

/// What is there and was not written to for as long as was asked, the oldest first.
async fn find(renders: &Path, args: &CleanArgs) -> Result<Vec<Left>> {
    let unreadable = |e: io::Error| Error::world(format!("{} cannot be read", renders.display())).from_source(e);
    let entries = match std::fs::read_dir(renders) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        // Only what renders made: directories that are called like a job.
        let Ok(job) = entry.file_name().to_string_lossy().parse::<JobId>() else { continue };
        if args.job.as_ref().is_some_and(|wanted| *wanted != job) {
            continue;
        }
        let dir = entry.path();
        let (bytes, last) = measured(&dir);
        let last = last.or_else(|| dir.metadata().and_then(|about| about.modified()).ok());
        let age = last.and_then(|last| SystemTime::now().duration_since(last).ok()).unwrap_or_default();
        if args.older.is_some_and(|older| age < older.duration()) {
            continue;
        }
        let state = state(renders, &dir, &job).await;
        found.push(Left { job, dir, bytes, age, state, removed: false });
    }
    found.sort_by_key(|left| std::cmp::Reverse(left.age));
    Ok(found)
}

/// Bytes below a directory, and when the last of its files was written. What goes away meanwhile is not counted.
fn measured(dir: &Path) -> (u64, Option<SystemTime>) {
    let (mut bytes, mut last) = (0, None);
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(about) = entry.metadata() else { continue };
        let (more, when) = if about.is_dir() { measured(&entry.path()) } else { (about.len(), about.modified().ok()) };
        bytes += more;
        last = last.max(when);
    }
    (bytes, last)
}

/// How far the render came, as far as that can be told.
async fn state(renders: &Path, dir: &Path, job: &JobId) -> String {
    match File::open(dir.join("lock")).map(|lock| lock.try_lock()) {
        Ok(Err(TryLockError::WouldBlock)) => return IN_USE.into(),
        Ok(_) if dir.join("ledger.db").exists() => {}
        _ => return "not begun".into(),
    }
    let data = renders.parent().unwrap_or(renders);
    let known = async { House::open(data, job).await?.stores.ledger.job(job).await };
    match known.await {
        Ok(Some(job)) if job.state == shared::JobState::Running => "unfinished".into(),
        Ok(Some(job)) => job.state.name().into(),
        Ok(None) => "not begun".into(),
        Err(error) => {
            tracing::debug!(%error, "the ledger of a render cannot be read");
            "unreadable".into()
        }
    }
}

/// Removes the directory unless somebody works in it; whether it is removed.
fn remove(dir: &Path) -> Result<bool> {
    let failed = |e| Error::world(format!("{} cannot be removed", dir.display())).from_source(e);
    // The lock is held until the directory has another name: no render can begin in it meanwhile.
    let lock = File::create(dir.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => house::remove(dir).map(|()| true).map_err(failed),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}
