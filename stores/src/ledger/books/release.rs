//! Releasing: chosen tasks are open to the workers.

use std::collections::HashMap;

use serde_json::json;
use shared::{Route, TaskKey, Timestamp, ports::schedule::Choice};

use super::{
    dialect::{self, Connection, Row, chosen, locked_unless_held},
    fault::{self, Result},
    row::{self, to_json},
    view,
};

/// One round. Tasks that somebody else changes at this moment are left for the next one.
pub(super) async fn release(
    db: &mut Connection,
    each: u32,
    now: Timestamp,
    choose: Choice<'_>,
) -> Result<Vec<(Route, TaskKey)>> {
    dialect::one_round_at_a_time(&mut *db).await.map_err(fault::to("wait for another coordinator's release"))?;
    let chosen = choose(&view::look(db, each, now).await?);
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let place = |(place, key): (usize, &TaskKey)| json!({ "job": key.job, "task": key.task, "place": place });
    let places: Vec<_> = chosen.iter().enumerate().map(place).collect();
    let rows = sqlx::query(concat!(
        "UPDATE tasks SET released = $2, rung = $2, place = chosen.place FROM (",
        chosen!(),
        ") AS chosen
         WHERE tasks.job = chosen.job AND tasks.id = chosen.id
         RETURNING tasks.job, tasks.id, tasks.lane, tasks.pool, tasks.gpu_memory"
    ))
    .bind(to_json(&places)?)
    .bind(now.0.max(1))
    .bind(now.0)
    .fetch_all(db)
    .await
    .map_err(fault::to("release tasks"))?;
    let mut released = rows.iter().map(read).collect::<shared::Result<Vec<_>>>()?;
    let place: HashMap<_, _> = chosen.iter().enumerate().map(|(place, key)| (key, place)).collect();
    released.sort_by_key(|(_, key)| place.get(key));
    Ok(released)
}

pub(super) async fn unheard(
    db: &mut Connection,
    before: Timestamp,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<(Route, TaskKey)>> {
    let rows = sqlx::query(concat!(
        "UPDATE tasks SET rung = $3 WHERE (job, id) IN (
             SELECT job, id FROM tasks WHERE state = 'ready' AND released > 0 AND rung < $1
             ORDER BY rung, released, place LIMIT $2",
        locked_unless_held!("tasks"),
        ") RETURNING job, id, lane, pool, gpu_memory"
    ))
    .bind(before.0)
    .bind(i64::from(limit))
    .bind(now.0.max(1))
    .fetch_all(db)
    .await
    .map_err(fault::to("look up tasks that nobody took"))?;
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}

fn read(row: &Row) -> shared::Result<(Route, TaskKey)> {
    let key = row::full_key(row)?;
    Ok((row::of_task(&key, row).demand()?.route(), key))
}
