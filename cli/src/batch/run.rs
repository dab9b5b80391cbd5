//! Orders the rows, follows their jobs and fetches their films, a bounded number at once.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use serde_json::Value;
use shared::{Error, JobId, Result, error::Cause};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    journal::{Entry, Journal},
    report::{Ending, Line, Report},
    row::Row,
};
use crate::{
    args::orders::BatchArgs,
    client::{Api, Ask, fetch::fetch, problem::has_code, upload::Package, wire},
    delivery::Delivery,
    jobs::{ended_badly, submit::id_of},
    output::note,
    progress::films_bar,
};

/// Uploads and downloads at once; more would only share the same line.
const TRANSFERS: usize = 4;

/// How long the farm may be away, or say that the tenant has too many jobs, before a row is given up.
const ABSENCE: Duration = Duration::from_mins(10);

/// The shortest time between two questions about one job.
const LOOK: Duration = Duration::from_secs(2);

/// How long the farm is asked to wait with its answer for the job to end.
const WAIT: Duration = Duration::from_secs(30);

struct Run<'a> {
    api: &'a Api,
    journal: &'a Journal,
    overwrite: bool,
    transfers: Semaphore,
}

/// Works on all rows until they have ended or `cancel` asks to stop; jobs go on then.
///
/// # Errors
/// Before anything is submitted: when the farm does not let us in, or a film's place is taken.
pub(super) async fn all(
    api: &Api,
    rows: Vec<Row>,
    journal: &Journal,
    args: &BatchArgs,
    quiet: bool,
    cancel: &CancellationToken,
) -> Result<Report> {
    // A wrong address or token is told once and not for every row.
    api.json(&Ask::get(&["jobs"]).query("limit", "1")).await?;
    let run = Run { api, journal, overwrite: args.overwrite, transfers: Semaphore::new(TRANSFERS) };
    run.check_places(&rows)?;
    let bar = films_bar(rows.len() as u64, quiet);
    let mut lines = Vec::new();
    {
        let work = futures_util::stream::iter(&rows).map(|row| run.row(row)).buffer_unordered(args.jobs as usize);
        let mut ended = std::pin::pin!(work.take_until(cancel.cancelled()));
        while let Some(line) = ended.next().await {
            tell(&line, &bar, quiet);
            lines.push(line);
        }
    }
    bar.finish_and_clear();
    for row in rows.iter().filter(|row| lines.iter().all(|line| line.row != row.number)).collect::<Vec<_>>() {
        let job = run.known(row)?.map(|entry| entry.job.to_string());
        lines.push(Line { job, ..Line::open(row) });
    }
    Ok(Report::new(lines))
}

fn tell(line: &Line, bar: &ProgressBar, quiet: bool) {
    bar.inc(1);
    let text = match &line.error {
        Some(error) => format!("row {} failed: {error}", line.row),
        None => format!("row {}: {}", line.row, line.output),
    };
    match () {
        () if quiet => {}
        () if bar.is_hidden() => note(format_args!("{text}")),
        () => bar.println(text),
    }
}

impl Run<'_> {
    fn known(&self, row: &Row) -> Result<Option<Entry>> {
        Ok(self.journal.known(&row.mark(&self.api.place())?))
    }

    /// A film's place may be taken only by the film that an earlier run put there.
    fn check_places(&self, rows: &[Row]) -> Result<()> {
        for row in rows {
            if !self.known(row)?.is_some_and(|entry| entry.delivered) {
                Delivery::check(&row.output, self.overwrite, &[]).map_err(|error| {
                    let mend = error.mending().unwrap_or("correct the row").to_owned();
                    Error::order(format!("row {}: {}", row.number, error.message())).mend(mend)
                })?;
            }
        }
        Ok(())
    }

    /// One row from its beginning to its end.
    async fn row(&self, row: &Row) -> Line {
        let started = Instant::now();
        let mut line = Line::open(row);
        match self.film(row, &mut line).await {
            Ok(ending) => line.state = ending,
            Err(error) => {
                line.state = Ending::Failed;
                line.error = Some(error.to_string());
            }
        }
        line.seconds = (started.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        line
    }

    async fn film(&self, row: &Row, line: &mut Line) -> Result<Ending> {
        let mark = row.mark(&self.api.place())?;
        let known = self.journal.known(&mark);
        line.job = known.as_ref().map(|entry| entry.job.to_string());
        if known.as_ref().is_some_and(|entry| entry.delivered) && row.output.is_file() {
            return Ok(Ending::Kept);
        }
        let job = match &known {
            Some(entry) => self.again(&entry.job).await?,
            None => None,
        };
        let job = match job {
            Some(job) => job,
            None => self.submit(row, &mark).await?,
        };
        line.job = Some(job.to_string());
        let ended = self.ended(&job).await?;
        if ended.state != "done" {
            return Err(ended_badly(&ended));
        }
        let place = Delivery::check(&row.output, self.overwrite, &[])?;
        let _transfer = self.transfers.acquire().await;
        fetch(self.api, &job, "film", &place, true).await?;
        self.journal.keep(Entry { mark, job, delivered: true })?;
        Ok(Ending::Done)
    }

    /// The job that an earlier run made, if the farm still knows it; a failed one is tried again, because the same command
    /// was given again.
    async fn again(&self, job: &JobId) -> Result<Option<JobId>> {
        let document = match self.api.json(&Ask::get(&["jobs", job.as_str()])).await {
            Ok(document) => document,
            Err(error) if has_code(&error, "not_found") => return Ok(None),
            Err(error) => return Err(error),
        };
        if wire::parsed::<wire::Job>(&document)?.state == "failed" {
            self.api.json(&Ask::act(job, "retry")).await?;
        }
        Ok(Some(job.clone()))
    }

    /// Submits the row, as soon as the farm takes it.
    async fn submit(&self, row: &Row, mark: &str) -> Result<JobId> {
        let package = Package { portrait: &row.portrait, audio: &row.audio, order: row.order.clone(), key: mark };
        let mut since = Instant::now();
        loop {
            let sent = {
                let _transfer = self.transfers.acquire().await;
                package.send(self.api, true).await
            };
            match sent {
                Ok(document) => {
                    let job = id_of(&document)?;
                    self.journal.keep(Entry { mark: mark.to_owned(), job: job.clone(), delivered: false })?;
                    return self.again(&job).await.map(|known| known.unwrap_or(job));
                }
                // Other jobs of the tenant must end first, most likely other rows of this batch.
                Err(error) if has_code(&error, "too_many_jobs") => since = Instant::now(),
                Err(error) if may_pass(&error) && since.elapsed() < ABSENCE => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(5 * LOOK).await;
        }
    }

    /// The job as it ended.
    async fn ended(&self, job: &JobId) -> Result<wire::Job> {
        let ask = Ask::get(&["jobs", job.as_str()]).query("wait", WAIT.as_secs().to_string());
        let mut answered = Instant::now();
        loop {
            let asked = Instant::now();
            match self.api.json(&ask).await.and_then(|document: Value| wire::parsed::<wire::Job>(&document)) {
                Ok(job) if job.is_over() => return Ok(job),
                Ok(_) => answered = Instant::now(),
                Err(error) if may_pass(&error) && answered.elapsed() < ABSENCE => {}
                Err(error) => return Err(error),
            }
            // A farm that answers at once is not asked all the time.
            tokio::time::sleep(LOOK.saturating_sub(asked.elapsed())).await;
        }
    }
}

/// Whether the farm may answer otherwise a little later.
fn may_pass(error: &Error) -> bool {
    matches!(error.cause(), Cause::Unreachable | Cause::World)
}
