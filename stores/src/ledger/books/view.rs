//! What the release of tasks is decided from.

use std::collections::{BTreeMap, BTreeSet};

use shared::{
    JobId, Reach, Timestamp,
    ports::{
        crew::GONE_AFTER,
        schedule::{Candidate, Crowd, UnderWay, View},
    },
};

use super::{
    dialect::{Connection, candidates, one_of},
    fault::{self, Result},
    row::{self, Named, to_json},
    tenants,
};

pub(super) async fn look(db: &mut Connection, each: u32, now: Timestamp) -> Result<View> {
    let under_way = under_way(db).await?;
    let full = full_jobs(db, &under_way).await?;
    let candidates = candidates(db, each, now, &full).await?;
    let names: BTreeSet<_> =
        under_way.iter().map(|task| &task.tenant).chain(candidates.iter().map(|task| &task.tenant)).collect();
    let mut tenants = tenants::all(&mut *db).await?;
    tenants.retain(|tenant| names.contains(&tenant.name));
    let crowds = crowds(db, now).await?;
    Ok(View { now, crowds, tenants, under_way, candidates })
}

/// Workers that were heard of lately and take tasks, with the same reach together.
async fn crowds(db: &mut Connection, now: Timestamp) -> Result<Vec<Crowd>> {
    let rows = sqlx::query(
        "SELECT lanes, pools, gpu_memory, COUNT(*) AS workers FROM workers WHERE seen >= $1 AND state IN ('idle', 'busy')
         GROUP BY lanes, pools, gpu_memory ORDER BY lanes, pools, gpu_memory",
    )
    .bind(now.0.saturating_sub(GONE_AFTER.as_millis() as i64))
    .fetch_all(db)
    .await
    .map_err(fault::to("count the workers"))?;
    let crowd = |found| {
        let named = Named { table: "workers", name: "that take tasks", row: found };
        let reach =
            Reach { lanes: named.lanes()?, pools: named.names("pools")?, gpu_memory: named.number("gpu_memory")? };
        Ok(Crowd { reach, workers: named.number("workers")? })
    };
    Ok(rows.iter().map(crowd).collect::<shared::Result<_>>()?)
}

async fn under_way(db: &mut Connection) -> Result<Vec<UnderWay>> {
    // Two statements, because each has an index of its own.
    let leased =
        "SELECT job, tenant, lane, pool, gpu_memory, priority, COUNT(*) AS tasks FROM tasks WHERE state = 'leased'
                  GROUP BY job, tenant, lane, pool, gpu_memory, priority ORDER BY job, lane";
    let released = "SELECT job, tenant, lane, pool, gpu_memory, priority, COUNT(*) AS tasks FROM tasks
                    WHERE state = 'ready' AND released > 0
                    GROUP BY job, tenant, lane, pool, gpu_memory, priority ORDER BY job, lane";
    let mut found = Vec::new();
    for (query, leased) in [(leased, true), (released, false)] {
        let rows = sqlx::query(query).fetch_all(&mut *db).await.map_err(fault::to("look up what is under way"))?;
        for found_row in &rows {
            let named = Named { table: "tasks", name: "under way", row: found_row };
            let (job, tenant, tasks) = (named.job("job")?, named.name("tenant")?, named.number("tasks")?);
            found.push(UnderWay { job, tenant, demand: named.demand()?, priority: named.priority()?, leased, tasks });
        }
    }
    Ok(found)
}

/// Jobs that have as many tasks under way as they may.
async fn full_jobs(db: &mut Connection, under_way: &[UnderWay]) -> Result<Vec<JobId>> {
    let mut counts: BTreeMap<&JobId, u32> = BTreeMap::new();
    for alike in under_way {
        *counts.entry(&alike.job).or_default() += alike.tasks;
    }
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(concat!(
        "SELECT id, most_at_once FROM jobs WHERE most_at_once IS NOT NULL AND ",
        one_of!("id", "$1")
    ))
    .bind(to_json(&counts.keys().collect::<Vec<_>>())?)
    .fetch_all(db)
    .await
    .map_err(fault::to("look up the limits of jobs"))?;
    let mut full = Vec::new();
    for found in &rows {
        let found = Named { table: "jobs", name: "under way", row: found };
        let (job, most) = (found.job("id")?, found.number::<u32>("most_at_once")?);
        if counts.get(&job).is_some_and(|count| *count >= most) {
            full.push(job);
        }
    }
    Ok(full)
}

async fn candidates(db: &mut Connection, each: u32, now: Timestamp, full: &[JobId]) -> Result<Vec<Candidate>> {
    let rows = sqlx::query(candidates!())
        .bind(i64::from(each))
        .bind(now.0)
        .bind(to_json(full)?)
        .fetch_all(db)
        .await
        .map_err(fault::to("look up ready tasks"))?;
    let read = |found| {
        let key = row::full_key(found)?;
        let named = row::of_task(&key, found);
        Ok(Candidate {
            tenant: named.name("tenant")?,
            demand: named.demand()?,
            priority: named.priority()?,
            rest: named.number("rest")?,
            submitted: named.time("submitted")?,
            most_of_job: named.maybe_number("most_at_once")?,
            key: key.clone(),
        })
    };
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}
