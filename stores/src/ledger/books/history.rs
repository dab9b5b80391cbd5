//! What happened: attempts, events, and how fast tasks were done.

use shared::{
    JobId, Name, TaskId, Timestamp,
    ports::{
        WorkerId,
        records::{Attempt, Event, Outcome, Rate},
    },
};
use sqlx::QueryBuilder;

use super::{
    dialect::{Db, Pool, Row},
    fault::{self, Result},
    row::Named,
};

/// Attempts that a rate is measured on.
const RECENT: i64 = 100;

pub(super) async fn attempts(
    db: &Pool,
    job: &JobId,
    task: Option<&TaskId>,
    skip: u32,
    limit: u32,
) -> Result<Vec<Attempt>> {
    let mut query = QueryBuilder::<Db>::new("SELECT * FROM attempts WHERE job = ");
    query.push_bind(job.as_str());
    if let Some(task) = task {
        query.push(" AND task = ").push_bind(task.as_str());
    }
    query.push(" ORDER BY started, task, attempt LIMIT ").push_bind(i64::from(limit));
    query.push(" OFFSET ").push_bind(i64::from(skip));
    let rows = query.build().fetch_all(db).await.map_err(fault::on("look up attempts", "attempts", job))?;
    let read = |found| {
        let row = Named { table: "attempts", name: job, row: found };
        Ok(Attempt {
            task: TaskId::from_text(row.text("task")?),
            attempt: row.number("attempt")?,
            worker: WorkerId(row.text("worker")?),
            started: row.time("started")?,
            ended: row.maybe_time("ended")?,
            outcome: row.word("outcome", Outcome::named)?,
            error: row.maybe_text("error")?,
        })
    };
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}

/// Events after `after`. They became visible in the order of their ids, so none is missed.
pub(super) async fn events(
    db: &Pool,
    job: Option<&JobId>,
    tenant: Option<&Name>,
    after: u64,
    limit: u32,
) -> Result<Vec<Event>> {
    let mut query = QueryBuilder::<Db>::new("SELECT * FROM events WHERE id > ");
    query.push_bind(i64::try_from(after).unwrap_or(i64::MAX));
    if let Some(job) = job {
        query.push(" AND job = ").push_bind(job.as_str());
    }
    if let Some(tenant) = tenant {
        query.push(" AND tenant = ").push_bind(tenant.as_str());
    }
    query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
    let rows = query.build().fetch_all(db).await.map_err(fault::to("look up events"))?;
    Ok(rows.iter().map(event).collect::<shared::Result<_>>()?)
}

/// Reads a row of `events`.
pub(super) fn event(row: &Row) -> shared::Result<Event> {
    let id = Named { table: "events", name: "of any id", row }.number::<u64>("id")?;
    let row = Named { table: "events", name: id, row };
    Ok(Event {
        id,
        job: row.job("job")?,
        tenant: row.name("tenant")?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        data: row.json("data")?,
    })
}

/// Goes from one kind, model and pool to the next by the index, and measures each on its latest attempts.
pub(super) async fn rates(db: &Pool) -> Result<Vec<Rate>> {
    let mut rates = Vec::new();
    let mut last = [String::new(), String::new(), String::new()];
    loop {
        let next = sqlx::query(
            "SELECT kind, model, pool FROM attempts WHERE outcome = 'done' AND (kind, model, pool) > ($1, $2, $3)
             ORDER BY kind, model, pool LIMIT 1",
        );
        let next = last.iter().fold(next, |query, word| query.bind(word.clone()));
        let found = next.fetch_optional(db).await.map_err(fault::to("look up rates"))?;
        let Some(found) = found else { return Ok(rates) };
        let found = Named { table: "attempts", name: "of any job", row: &found };
        last = [found.text("kind")?, found.text("model")?, found.text("pool")?];
        let (attempts, seconds_per_frame) = rate(db, &last).await?;
        let [kind, model, _] = last.clone();
        rates.push(Rate { kind, model, pool: found.name("pool")?, attempts, seconds_per_frame });
    }
}

async fn rate(db: &Pool, of: &[String; 3]) -> Result<(u64, f64)> {
    let query = sqlx::query(
        "SELECT started, ended, frames FROM attempts WHERE outcome = 'done' AND kind = $1 AND model = $2 AND pool = $3
         ORDER BY ended DESC LIMIT $4",
    );
    let query = of.iter().fold(query, |query, word| query.bind(word.clone()));
    let rows = query.bind(RECENT).fetch_all(db).await.map_err(fault::to("look up a rate"))?;
    let seconds = |found| {
        let row = Named { table: "attempts", name: &of[0], row: found };
        let took = Timestamp(row.number("ended")?).since(row.time("started")?);
        Ok(took.as_secs_f64() / row.number::<u32>("frames")?.max(1) as f64)
    };
    let mut seconds = rows.iter().map(seconds).collect::<shared::Result<Vec<f64>>>()?;
    Ok((seconds.len() as u64, median(&mut seconds)))
}

/// The value in the middle, or the mean of the two there.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() % 2 {
        _ if values.is_empty() => 0.0,
        0 => f64::midpoint(values[half - 1], values[half]),
        _ => values[half],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_numbers() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&mut [4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }
}
