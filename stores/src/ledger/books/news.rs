//! Events: what happened to a job, written in the transaction in which it happens.

use serde_json::Value;
use shared::{JobId, Terms, Timestamp, ports::hooks::DeliveryState};

use super::{
    dialect::Connection,
    fault::{self, Result},
    row::{Named, to_json},
};

/// Something that just happened.
pub(super) struct News {
    /// To this job.
    pub(super) job: JobId,
    /// What: one of [`shared::ports::records::EVENTS`].
    pub(super) kind: &'static str,
    /// Details.
    pub(super) data: Value,
}

/// Writes events, and their deliveries where the job has a webhook that wants them.
///
/// Locks the row of the latest event until the end of the transaction, so this comes last in it.
pub(super) async fn tell(db: &mut Connection, news: &[News], now: Timestamp) -> Result<()> {
    if news.is_empty() {
        return Ok(());
    }
    let latest = sqlx::query("UPDATE latest_event SET id = id + $1 WHERE one = 1 RETURNING id")
        .bind(news.len() as i64)
        .fetch_one(&mut *db)
        .await
        .map_err(fault::to("number events"))?;
    let latest: i64 = Named { table: "latest_event", name: "1", row: &latest }.number("id")?;
    for (news, id) in news.iter().zip(latest - news.len() as i64 + 1..) {
        write(db, news, id, now).await?;
    }
    Ok(())
}

async fn write(db: &mut Connection, news: &News, id: i64, now: Timestamp) -> Result<()> {
    let job = sqlx::query("SELECT tenant, terms FROM jobs WHERE id = $1")
        .bind(news.job.as_str())
        .fetch_one(&mut *db)
        .await
        .map_err(fault::on("look up the terms of a job", "jobs", &news.job))?;
    let job = Named { table: "jobs", name: &news.job, row: &job };
    sqlx::query("INSERT INTO events (id, job, tenant, at, kind, data) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(news.job.as_str())
        .bind(job.text("tenant")?)
        .bind(now.0)
        .bind(news.kind)
        .bind(to_json(&news.data)?)
        .execute(&mut *db)
        .await
        .map_err(fault::on("record an event", "events", id))?;
    let wants = |terms: Terms| {
        let wanted = |hook: &shared::terms::Webhook| {
            hook.events.is_empty() || hook.events.iter().any(|event| event == news.kind)
        };
        terms.webhook.as_ref().is_some_and(wanted)
    };
    if wants(job.json("terms")?) {
        sqlx::query("INSERT INTO deliveries (event, job, state, due) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(news.job.as_str())
            .bind(DeliveryState::Waiting.name())
            .bind(now.0)
            .execute(db)
            .await
            .map_err(fault::on("record a delivery", "deliveries", id))?;
    }
    Ok(())
}
