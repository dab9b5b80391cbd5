//! How an attempt ends: its result counts, it failed, or it is given back.

use serde_json::json;
use shared::{
    Error, JobState, TaskKey, TaskKind, TaskState, Timestamp, Verdict,
    ports::{
        Lease, Patience,
        ledger::{back_off, gives_up},
        records::Outcome,
    },
    task::Step,
};

use super::{
    dialect::Connection,
    fault::{self, Result},
    news::{self, News},
    readied,
    row::Named,
    steps::{self, Ended, Held},
};

pub(super) async fn complete(db: &mut Connection, lease: &Lease, now: Timestamp) -> Result<Vec<TaskKey>> {
    let key = &lease.key;
    // Counting holds the job's row. A lease that is lost undoes it.
    sqlx::query(
        "UPDATE jobs SET tasks_done = tasks_done + 1,
                frames_done = frames_done + (SELECT frames FROM tasks WHERE tasks.job = $1 AND tasks.id = $2)
         WHERE id = $1 AND EXISTS (SELECT 1 FROM tasks WHERE tasks.job = $1 AND tasks.id = $2)",
    )
    .bind(key.job.as_str())
    .bind(key.task.as_str())
    .execute(&mut *db)
    .await
    .map_err(fault::on("count a task as done", "jobs", &key.job))?;
    let held = steps::held(db, lease).await?;
    let ended = Ended { failures: held.failures, not_before: now, error: None, outcome: Outcome::Done };
    steps::end_lease(db, &held, Step::Complete, ended, now).await?;
    let readied = readied::by(db, key, now).await?;
    if lease.node.kind == TaskKind::Film {
        let news = steps::end_job(db, &key.job, JobState::Done, None, now).await?;
        news::tell(db, news.as_slice(), now).await?;
    }
    Ok(readied)
}

pub(super) async fn fail(
    db: &mut Connection,
    lease: &Lease,
    error: &Error,
    patience: Patience,
    now: Timestamp,
) -> Result<TaskState> {
    steps::hold_job(db, &lease.key.job).await?;
    let held = steps::held(db, lease).await?;
    if error.verdict() == Verdict::Stop {
        return returned(db, &held, now).await;
    }
    let failed = Failure { error, outcome: Outcome::Failed, wait: back_off(held.failures + 1) };
    let (state, news) = failed.attempt(db, &held, patience, now).await?;
    news::tell(db, &news, now).await?;
    Ok(state)
}

pub(super) async fn give_back(db: &mut Connection, lease: &Lease, now: Timestamp) -> Result<()> {
    steps::hold_job(db, &lease.key.job).await?;
    let held = steps::held(db, lease).await?;
    returned(db, &held, now).await.map(drop)
}

async fn returned(db: &mut Connection, held: &Held, now: Timestamp) -> Result<TaskState> {
    let (failures, not_before) = (held.failures, Timestamp(0));
    let ended = Ended { failures, not_before, error: None, outcome: Outcome::GivenBack };
    steps::end_lease(db, held, Step::Return, ended, now).await
}

/// An attempt that failed, or whose worker was lost or stuck.
pub(super) struct Failure<'a> {
    /// What happened.
    pub(super) error: &'a Error,
    /// How the attempt ended.
    pub(super) outcome: Outcome,
    /// How long the task waits before it is tried again.
    pub(super) wait: std::time::Duration,
}

impl Failure<'_> {
    /// Ends the attempt: its task is tried again, or fails and its job with it.
    pub(super) async fn attempt(
        &self,
        db: &mut Connection,
        held: &Held,
        patience: Patience,
        now: Timestamp,
    ) -> Result<(TaskState, Vec<News>)> {
        let (key, failures) = (&held.key, held.failures + 1);
        let wrong = self.error.verdict() == Verdict::Fail;
        let final_one = wrong
            || if self.outcome == Outcome::Lost {
                failures >= patience.losses
            } else {
                let Faults { workers, faults } = faults(db, held).await?;
                gives_up(self.error, patience, faults, workers)
            };
        let text = match (final_one, self.outcome) {
            (true, Outcome::Lost | Outcome::Stuck) => format!("{} in attempt after attempt", self.error),
            _ => self.error.to_string(),
        };
        let not_before = if self.wait.is_zero() { Timestamp(0) } else { now.after(self.wait) };
        let ended = Ended { failures, not_before, error: Some(&text), outcome: self.outcome };
        let step = if final_one { Step::GiveUp } else { Step::Return };
        let state = steps::end_lease(db, held, step, ended, now).await?;
        let data = json!({
            "task": key.task, "attempt": held.attempt, "worker": held.worker, "outcome": self.outcome,
            "error": text, "failures": failures, "final": final_one,
        });
        let mut news = vec![News { job: key.job.clone(), kind: "task.failed", data }];
        if final_one {
            news.extend(steps::end_job(db, &key.job, JobState::Failed, Some(&text), now).await?);
        }
        Ok((state, news))
    }
}

/// What went wrong with a task, lost workers not counted.
struct Faults {
    /// Different workers that it failed or stood still on.
    workers: u32,
    /// Attempts that failed or stood still.
    faults: u32,
}

/// The faults of a task, with the one that ends the attempt at hand.
async fn faults(db: &mut Connection, held: &Held) -> Result<Faults> {
    let found = sqlx::query(
        "SELECT COUNT(*) AS faults, COUNT(DISTINCT CASE WHEN attempts.worker <> $3 THEN attempts.worker END) AS workers
         FROM attempts JOIN tasks ON tasks.job = attempts.job AND tasks.id = attempts.task
         WHERE attempts.job = $1 AND attempts.task = $2 AND attempts.attempt > tasks.forgiven
           AND attempts.outcome IN ('failed', 'stuck')",
    )
    .bind(held.key.job.as_str())
    .bind(held.key.task.as_str())
    .bind(&held.worker)
    .fetch_one(db)
    .await
    .map_err(fault::on("count the failures of a task", "attempts", &held.key))?;
    let row = Named { table: "attempts", name: &held.key, row: &found };
    Ok(Faults { workers: 1 + row.number::<u32>("workers")?, faults: 1 + row.number::<u32>("faults")? })
}
