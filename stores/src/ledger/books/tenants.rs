//! What tenants are entitled to.

use shared::{Name, Priority, Timestamp, ports::schedule::Tenant};

use super::{
    access,
    dialect::{Connection, Row},
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
