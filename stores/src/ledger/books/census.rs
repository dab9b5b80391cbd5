//! What the farm looks like at a moment.

use std::collections::BTreeMap;

use shared::{Hold, JobState, Route, TaskState, Timestamp, ports::records::Census};

use super::{
    dialect::Pool,
    fault::{self, Result},
    row::Named,
};

/// Counts by index: tasks of held jobs are left out, since no worker is wanted for them.
const TASKS: [&str; 3] = [
    "SELECT lane, pool, memory_class, priority, 'ready' AS state, COUNT(*) AS tasks, CAST(SUM(size) AS BIGINT) AS frames,
            MIN(readied) AS oldest
     FROM tasks WHERE state = 'ready' AND released = 0 AND held = FALSE GROUP BY lane, pool, memory_class, priority",
    "SELECT lane, pool, memory_class, priority, 'ready' AS state, COUNT(*) AS tasks, CAST(SUM(size) AS BIGINT) AS frames,
            MIN(readied) AS oldest
     FROM tasks WHERE state = 'ready' AND released > 0 GROUP BY lane, pool, memory_class, priority",
    "SELECT lane, pool, memory_class, priority, 'leased' AS state, COUNT(*) AS tasks, CAST(SUM(size) AS BIGINT) AS frames,
            NULL AS oldest
     FROM tasks WHERE state = 'leased' GROUP BY lane, pool, memory_class, priority",
];

pub(super) async fn census(db: &Pool) -> Result<Census> {
    let mut tasks = BTreeMap::new();
    let mut oldest: BTreeMap<Route, Timestamp> = BTreeMap::new();
    for query in TASKS {
        let rows = sqlx::query(query).fetch_all(db).await.map_err(fault::to("count tasks"))?;
        for found in &rows {
            let row = Named { table: "tasks", name: "of any job", row: found };
            let (route, priority) = (row.route()?, row.priority()?);
            let state = row.word("state", TaskState::named)?;
            let (count, frames): &mut (u64, u64) = tasks.entry((route.clone(), priority, state.name())).or_default();
            *count += row.number::<u64>("tasks")?;
            *frames += row.number::<u64>("frames")?;
            if state == TaskState::Ready {
                let since = row.time("oldest")?;
                oldest.entry(route).and_modify(|oldest| *oldest = since.min(*oldest)).or_insert(since);
            }
        }
    }
    let tasks = tasks.into_iter().filter_map(|((route, priority, state), (count, frames))| {
        Some((route, priority, TaskState::named(state)?, count, frames))
    });
    Ok(Census { jobs: jobs(db).await?, tasks: tasks.collect(), oldest: oldest.into_iter().collect() })
}

async fn jobs(db: &Pool) -> Result<Vec<(JobState, Hold, u64)>> {
    let rows = sqlx::query("SELECT state, hold, COUNT(*) AS jobs FROM jobs GROUP BY state, hold ORDER BY state, hold")
        .fetch_all(db)
        .await
        .map_err(fault::to("count jobs"))?;
    let read = |found| {
        let row = Named { table: "jobs", name: "of any id", row: found };
        Ok((row.word("state", JobState::named)?, row.word("hold", Hold::named)?, row.number("jobs")?))
    };
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}
