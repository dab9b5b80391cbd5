//! What was measured of films.

use serde_json::{Value, json};
use shared::{
    Frames, JobId, TaskId, Timestamp,
    ports::Lease,
    quality::{Measured, Quality},
};

use super::{
    dialect::{Connection, Pool, objects},
    fault::{self, Result},
    news::{self, News},
    row::{Named, to_json},
    steps,
};

/// Warnings that one event tells in words; how many there are is told in any case.
const TOLD: usize = 10;

pub(super) async fn keep(db: &mut Connection, lease: &Lease, records: &[Measured], now: Timestamp) -> Result<()> {
    let key = &lease.key;
    steps::held(db, lease).await?;
    sqlx::query("DELETE FROM quality WHERE job = $1 AND task = $2 AND attempt <> $3")
        .bind(key.job.as_str())
        .bind(key.task.as_str())
        .bind(i64::from(lease.attempt))
        .execute(&mut *db)
        .await
        .map_err(fault::on("forget what earlier attempts measured", "quality", key))?;
    let rows = records.iter().map(row).collect::<shared::Result<Vec<Value>>>()?;
    let insert = concat!(
        "INSERT INTO quality (job, first_frame, task, attempt, end_frame, measured)
         SELECT $1, CAST(listed.value ->> 'first' AS BIGINT), $2, $3, CAST(listed.value ->> 'end' AS BIGINT),
                listed.value ->> 'measured'
         FROM ",
        objects!("$4"),
        " WHERE TRUE ON CONFLICT (job, first_frame, task) DO NOTHING"
    );
    let kept = sqlx::query(insert)
        .bind(key.job.as_str())
        .bind(key.task.as_str())
        .bind(i64::from(lease.attempt))
        .bind(to_json(&rows)?)
        .execute(&mut *db)
        .await
        .map_err(fault::on("record what was measured", "quality", key))?;
    if kept.rows_affected() == 0 {
        return Ok(());
    }
    news::tell(db, warning(lease, records).as_slice(), now).await
}

fn row(record: &Measured) -> shared::Result<Value> {
    let Frames { start, end } = record.frames;
    Ok(json!({ "first": start, "end": end, "measured": to_json(&record.quality)? }))
}

/// The event that tells of records that warn.
fn warning(lease: &Lease, records: &[Measured]) -> Option<News> {
    let warnings: Vec<(Frames, String)> =
        records.iter().filter_map(|record| Some((record.frames, record.warning()?))).collect();
    let told = |(frames, why): &(Frames, String)| json!({ "first": frames.start, "end": frames.end, "why": why });
    let first: Vec<Value> = warnings.iter().take(TOLD).map(told).collect();
    let data = json!({ "task": lease.key.task, "count": warnings.len(), "frames": first });
    (!warnings.is_empty()).then(|| News { job: lease.key.job.clone(), kind: "job.quality_warning", data })
}

pub(super) async fn of_job(db: &Pool, job: &JobId, skip: u32, limit: u32) -> Result<Vec<Measured>> {
    let rows = sqlx::query(
        "SELECT task, first_frame, end_frame, measured FROM quality WHERE job = $1 ORDER BY first_frame, task
         LIMIT $2 OFFSET $3",
    )
    .bind(job.as_str())
    .bind(i64::from(limit))
    .bind(i64::from(skip))
    .fetch_all(db)
    .await
    .map_err(fault::on("look up what was measured", "quality", job))?;
    let read = |found| {
        let row = Named { table: "quality", name: job, row: found };
        Ok(Measured {
            task: TaskId::from_text(row.text("task")?),
            frames: Frames::new(row.number("first_frame")?, row.number("end_frame")?),
            quality: row.json::<Quality>("measured")?,
        })
    };
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}
