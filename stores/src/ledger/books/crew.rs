//! The crew.

use shared::{
    Timestamp,
    ports::{
        WorkerId,
        crew::{Hand, WorkerCard, WorkerOrder, WorkerState},
    },
};

use super::{
    dialect::{Connection, Row},
    fault::{self, Result},
    row::{Named, to_json},
};

/// Workers not heard of for so long are forgotten, in milliseconds.
const FORGOTTEN_AFTER: i64 = 24 * 3600 * 1000;

pub(super) async fn report(
    db: &mut Connection,
    card: &WorkerCard,
    state: &WorkerState,
    now: Timestamp,
) -> Result<Option<WorkerOrder>> {
    let id = &card.id.0;
    let lanes: Vec<_> = card.reach.lanes.iter().map(|lane| lane.name()).collect();
    let pools: Vec<_> = card.reach.pools.iter().map(shared::Name::as_str).collect();
    let found = sqlx::query(
        "INSERT INTO workers (id, card, state, doing, lanes, pools, gpu_memory, since, seen)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
         ON CONFLICT (id) DO UPDATE SET card = excluded.card, state = excluded.state, doing = excluded.doing,
             lanes = excluded.lanes, pools = excluded.pools, gpu_memory = excluded.gpu_memory, seen = excluded.seen
         RETURNING asked, since",
    )
    .bind(id)
    .bind(to_json(card)?)
    .bind(state.name())
    .bind(to_json(state)?)
    .bind(members(&lanes))
    .bind(members(&pools))
    .bind(i64::from(card.reach.gpu_memory))
    .bind(now.0)
    .fetch_one(&mut *db)
    .await
    .map_err(fault::on("record a worker", "workers", id))?;
    let found = Named { table: "workers", name: id, row: &found };
    if found.time("since")? == now {
        forget(db, now).await?;
    }
    if found.maybe_text("asked")?.is_none() {
        return Ok(None);
    }
    let order = found.word("asked", WorkerOrder::named)?;
    if order != WorkerOrder::Drain {
        sqlx::query("UPDATE workers SET asked = NULL WHERE id = $1").bind(id).execute(db).await.map_err(fault::on(
            "hand over an order",
            "workers",
            id,
        ))?;
    }
    Ok(Some(order))
}

/// A list that `LIKE '%,member,%'` finds its members in; names hold neither commas nor signs of their own for `LIKE`.
fn members(names: &[&str]) -> String {
    format!(",{},", names.join(","))
}

async fn forget(db: &mut Connection, now: Timestamp) -> Result<()> {
    sqlx::query("DELETE FROM workers WHERE seen < $1")
        .bind(now.0.saturating_sub(FORGOTTEN_AFTER))
        .execute(db)
        .await
        .map_err(fault::to("forget workers"))?;
    Ok(())
}

pub(super) async fn leave(db: &mut Connection, id: &WorkerId) -> Result<()> {
    sqlx::query("DELETE FROM workers WHERE id = $1").bind(&id.0).execute(db).await.map_err(fault::on(
        "forget a worker",
        "workers",
        &id.0,
    ))?;
    Ok(())
}

pub(super) async fn ask(db: &mut Connection, id: &WorkerId, order: WorkerOrder) -> Result<bool> {
    let asked = sqlx::query("UPDATE workers SET asked = $2 WHERE id = $1")
        .bind(&id.0)
        .bind(order.name())
        .execute(db)
        .await
        .map_err(fault::on("ask something of a worker", "workers", &id.0))?;
    Ok(asked.rows_affected() == 1)
}

/// Everybody heard of since `since`, by id.
pub(super) async fn since(db: &mut Connection, since: Timestamp) -> Result<Vec<Hand>> {
    let rows =
        sqlx::query("SELECT id, card, doing, since, seen, done, failed FROM workers WHERE seen >= $1 ORDER BY id")
            .bind(since.0)
            .fetch_all(db)
            .await
            .map_err(fault::to("look up the crew"))?;
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}

fn read(row: &Row) -> shared::Result<Hand> {
    let id = Named { table: "workers", name: "of any id", row }.text("id")?;
    let row = Named { table: "workers", name: &id, row };
    Ok(Hand {
        card: row.json("card")?,
        state: row.json("doing")?,
        since: row.time("since")?,
        seen: row.time("seen")?,
        done: row.number("done")?,
        failed: row.number("failed")?,
    })
}
