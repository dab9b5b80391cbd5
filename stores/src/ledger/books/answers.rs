//! Answers that must not be given twice.

use shared::{
    Name, Timestamp,
    ports::access::{Answer, Known},
};

use super::{
    dialect::Connection,
    fault::{self, Result},
    row::Named,
};

/// A key whose request never was answered is free again after so many milliseconds,
const UNANSWERED: i64 = 10 * 60 * 1000;
/// and any after so many.
const KEPT: i64 = 7 * 24 * 3600 * 1000;

pub(super) async fn begin(
    db: &mut Connection,
    tenant: &Name,
    key: &str,
    request: &str,
    now: Timestamp,
) -> Result<Known> {
    let taken = sqlx::query(
        "INSERT INTO answers (tenant, key, request, status, body, begun) VALUES ($1, $2, $3, 0, '', $4)
         ON CONFLICT (tenant, key) DO UPDATE SET request = excluded.request, status = 0, body = '', begun = excluded.begun
             WHERE answers.begun <= $5 OR (answers.status = 0 AND answers.begun <= $6)",
    )
    .bind(tenant.as_str())
    .bind(key)
    .bind(request)
    .bind(now.0)
    .bind(now.0.saturating_sub(KEPT))
    .bind(now.0.saturating_sub(UNANSWERED))
    .execute(&mut *db)
    .await
    .map_err(fault::on("take an idempotency key", "answers", key))?;
    if taken.rows_affected() == 1 {
        forget(db, now).await?;
        return Ok(Known::New);
    }
    let found = sqlx::query("SELECT request, status, body FROM answers WHERE tenant = $1 AND key = $2")
        .bind(tenant.as_str())
        .bind(key)
        .fetch_one(db)
        .await
        .map_err(fault::on("look up an answer", "answers", key))?;
    let row = Named { table: "answers", name: key, row: &found };
    let answer = Answer { request: row.text("request")?, status: row.number("status")?, body: row.text("body")? };
    Ok(match answer.status {
        _ if answer.request != request => Known::Other,
        0 => Known::Running,
        _ => Known::Answered(answer),
    })
}

/// Old answers go when new ones come, so that they stay bounded.
async fn forget(db: &mut Connection, now: Timestamp) -> Result<()> {
    sqlx::query("DELETE FROM answers WHERE begun <= $1")
        .bind(now.0.saturating_sub(KEPT))
        .execute(db)
        .await
        .map_err(fault::to("forget old answers"))?;
    Ok(())
}

pub(super) async fn end(db: &mut Connection, tenant: &Name, key: &str, answer: Option<&Answer>) -> Result<()> {
    let ended = match answer {
        Some(Answer { request, status, body }) => {
            sqlx::query("UPDATE answers SET status = $4, body = $5 WHERE tenant = $1 AND key = $2 AND request = $3")
                .bind(tenant.as_str())
                .bind(key)
                .bind(request)
                .bind(i64::from(*status))
                .bind(body)
        }
        None => sqlx::query("DELETE FROM answers WHERE tenant = $1 AND key = $2 AND status = 0")
            .bind(tenant.as_str())
            .bind(key),
    };
    ended.execute(db).await.map_err(fault::on("keep an answer", "answers", key))?;
    Ok(())
}
