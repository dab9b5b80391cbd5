//! What tenants are entitled to.

use shared::{Name, Priority, Timestamp, ports::schedule::Tenant};

use super::{
    access,
    dialect::{Connection, Pool, Row},
    fault::{self, Result},
    row::Named,
};

pub(super) async fn set(db: &mut Connection, tenant: &Tenant, by: &str, now: Timestamp) -> Result<()> {
    sqlx::query(
        "INSERT INTO tenants (name, weight, most_at_once, highest_priority, longest_film, most_jobs)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (name) DO UPDATE SET weight = excluded.weight, most_at_once = excluded.most_at_once,
             highest_priority = excluded.highest_priority, longest_film = excluded.longest_film,
             most_jobs = excluded.most_jobs",
    )
    .bind(tenant.name.as_str())
    .bind(i64::from(tenant.weight))
    .bind(tenant.most_at_once.map(i64::from))
    .bind(i64::from(tenant.highest_priority.number()))
    .bind(tenant.longest_film.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX)))
    .bind(tenant.most_jobs.map(i64::from))
    .execute(&mut *db)
    .await
    .map_err(fault::on("keep a tenant", "tenants", &tenant.name))?;
    access::audit(db, by, &tenant.name, "tenant.set", tenant.name.as_str(), now).await
}

pub(super) async fn one(db: &mut Connection, name: &Name) -> Result<Option<Tenant>> {
    let found = sqlx::query("SELECT * FROM tenants WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(db)
        .await
        .map_err(fault::on("look up a tenant", "tenants", name))?;
    Ok(found.as_ref().map(read).transpose()?)
}

/// All of them, by name: as many as operators made.
pub(super) async fn all(db: &mut Connection) -> Result<Vec<Tenant>> {
    let rows = sqlx::query("SELECT * FROM tenants ORDER BY name")
        .fetch_all(db)
        .await
        .map_err(fault::to("look up the tenants"))?;
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}

/// Tasks released or leased: two counts, because each has an index of its own, which holds what is under way on the whole farm.
pub(super) async fn under_way(db: &Pool, name: &Name) -> Result<u64> {
    let query = "SELECT (SELECT COUNT(*) FROM tasks WHERE state = 'leased' AND tenant = $1)
                      + (SELECT COUNT(*) FROM tasks WHERE state = 'ready' AND released > 0 AND tenant = $1) AS found";
    count(db, query, name).await
}

pub(super) async fn running(db: &Pool, name: &Name) -> Result<u64> {
    count(db, "SELECT COUNT(*) AS found FROM jobs WHERE tenant = $1 AND state = 'running'", name).await
}

async fn count(db: &Pool, query: &'static str, name: &Name) -> Result<u64> {
    let counted = sqlx::query(query).bind(name.as_str()).fetch_one(db).await;
    let counted = counted.map_err(fault::on("count what a tenant has", "tenants", name))?;
    Ok(Named { table: "tenants", name, row: &counted }.number("found")?)
}

fn read(row: &Row) -> shared::Result<Tenant> {
    let name = Named { table: "tenants", name: "of any name", row }.name("name")?;
    let row = Named { table: "tenants", name: &name, row };
    let highest = row.number::<u8>("highest_priority")?;
    Ok(Tenant {
        weight: row.number("weight")?,
        most_at_once: row.maybe_number("most_at_once")?,
        highest_priority: Priority::try_from(highest)?,
        longest_film: row.maybe_number("longest_film")?,
        most_jobs: row.maybe_number("most_jobs")?,
        name,
    })
}
