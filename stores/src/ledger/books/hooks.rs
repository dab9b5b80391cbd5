//! Deliveries of events to webhooks.

use shared::{
    JobId, Terms, Timestamp,
    ports::hooks::{Delivery, DeliveryState, GONE, GONE_ONCE},
};

use super::{
    dialect::{Connection, Pool, Row, locked_unless_held, texts},
    fault::{self, Result},
    history,
    row::{Named, to_json},
};

/// All that [`read`] reads.
macro_rules! delivery {
    () => {
        "SELECT events.*, deliveries.state, deliveries.tries, deliveries.due, deliveries.last, jobs.terms
         FROM deliveries JOIN events ON events.id = deliveries.event JOIN jobs ON jobs.id = deliveries.job"
    };
}

/// Takes deliveries that are due, of each job the earliest: they are due again at `until`, and nobody else gets them before. One job with
/// much to tell keeps no other waiting.
pub(super) async fn due(db: &mut Connection, limit: u32, until: Timestamp, now: Timestamp) -> Result<Vec<Delivery>> {
    let taken = sqlx::query(concat!(
        "UPDATE deliveries SET due = $3 WHERE event IN (
             SELECT event FROM deliveries WHERE state = 'waiting' AND due <= $1 AND NOT EXISTS (
                 SELECT 1 FROM deliveries AS earlier WHERE earlier.job = deliveries.job AND earlier.event < deliveries.event
                 AND earlier.state = 'waiting' AND earlier.due <= $1)
             ORDER BY due, event LIMIT $2",
        locked_unless_held!("deliveries"),
        ") RETURNING event"
    ))
    .bind(now.0)
    .bind(i64::from(limit))
    .bind(until.0)
    .fetch_all(&mut *db)
    .await
    .map_err(fault::to("take deliveries that are due"))?;
    let id =
        |row| Named { table: "deliveries", name: "that are due", row }.number::<i64>("event").map(|id| id.to_string());
    let taken = taken.iter().map(id).collect::<shared::Result<Vec<_>>>()?;
    let rows = sqlx::query(concat!(
        delivery!(),
        " WHERE deliveries.event IN (SELECT CAST(value AS BIGINT) FROM ",
        texts!("$1"),
        ") ORDER BY deliveries.event"
    ))
    .bind(to_json(&taken)?)
    .fetch_all(db)
    .await
    .map_err(fault::to("look up deliveries that are due"))?;
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}

pub(super) async fn settle(
    db: &mut Connection,
    id: u64,
    state: DeliveryState,
    next: Timestamp,
    last: &str,
) -> Result<()> {
    sqlx::query("UPDATE deliveries SET state = $2, due = $3, last = $4, tries = tries + 1 WHERE event = $1")
        .bind(id as i64)
        .bind(state.name())
        .bind(next.0)
        .bind(last)
        .execute(db)
        .await
        .map_err(fault::on("settle a delivery", "deliveries", id))?;
    Ok(())
}

pub(super) async fn put_off(db: &mut Connection, id: u64, next: Timestamp) -> Result<()> {
    sqlx::query("UPDATE deliveries SET due = $2 WHERE event = $1 AND state = 'waiting'")
        .bind(id as i64)
        .bind(next.0)
        .execute(db)
        .await
        .map_err(fault::on("put a delivery off", "deliveries", id))?;
    Ok(())
}

pub(super) async fn of_job(db: &Pool, job: &JobId) -> Result<Vec<Delivery>> {
    let rows = sqlx::query(concat!(delivery!(), " WHERE deliveries.job = $1 ORDER BY deliveries.event"))
        .bind(job.as_str())
        .fetch_all(db)
        .await
        .map_err(fault::on("look up the deliveries of a job", "deliveries", job))?;
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}

pub(super) async fn replay(db: &mut Connection, job: &JobId, id: u64, now: Timestamp) -> Result<bool> {
    let replayed =
        sqlx::query("UPDATE deliveries SET state = $3, tries = 0, due = $4, last = NULL WHERE job = $1 AND event = $2")
            .bind(job.as_str())
            .bind(i64::try_from(id).unwrap_or(i64::MAX))
            .bind(DeliveryState::Waiting.name())
            .bind(now.0)
            .execute(&mut *db)
            .await
            .map_err(fault::on("send a delivery again", "deliveries", id))?;
    if replayed.rows_affected() != 1 {
        return Ok(false);
    }
    sqlx::query("UPDATE deliveries SET last = $3 WHERE job = $1 AND last = $2")
        .bind(job.as_str())
        .bind(GONE)
        .bind(GONE_ONCE)
        .execute(db)
        .await
        .map_err(fault::on("let deliveries of a job go again", "deliveries", job))?;
    Ok(true)
}

fn read(row: &Row) -> shared::Result<Delivery> {
    let event = history::event(row)?;
    let row = Named { table: "deliveries", name: event.id, row };
    let terms: Terms = row.json("terms")?;
    let webhook = terms.webhook;
    Ok(Delivery {
        id: event.id,
        webhook: webhook.ok_or_else(|| fault::damaged("deliveries", event.id, "event", "its job has no webhook"))?,
        state: row.word("state", DeliveryState::named)?,
        tries: row.number("tries")?,
        next: row.time("due")?,
        last: row.maybe_text("last")?,
        event,
    })
}
