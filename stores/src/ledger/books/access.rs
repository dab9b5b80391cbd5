//! Tokens, and the audit.

use shared::{
    Name, Timestamp,
    ports::access::{Role, Token},
};
use sqlx::QueryBuilder;

use super::{
    dialect::{Connection, Db, Pool, Row},
    fault::{self, Result},
    row::Named,
};

pub(super) async fn add(db: &mut Connection, token: &Token, by: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO tokens (id, sha256, tenant, role, note, made, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&token.id)
    .bind(&token.sha256)
    .bind(token.tenant.as_str())
    .bind(token.role.name())
    .bind(&token.note)
    .bind(token.made.0)
    .bind(token.expires.map(|expires| expires.0))
    .execute(&mut *db)
    .await
    .map_err(|e| match e.as_database_error() {
        Some(known) if known.is_unique_violation() => {
            let taken = shared::Error::order(format!("there is a token {} already", token.id));
            taken.mend("revoke it first, or make another token").into()
        }
        _ => fault::on("keep a token", "tokens", &token.id)(e),
    })?;
    audit(db, by, &token.tenant, "token.make", &token.id, token.made).await
}

pub(super) async fn find(db: &Pool, sha256: &str, now: Timestamp) -> Result<Option<Token>> {
    let found = sqlx::query("SELECT * FROM tokens WHERE sha256 = $1 AND (expires IS NULL OR expires > $2)")
        .bind(sha256)
        .bind(now.0)
        .fetch_optional(db)
        .await
        .map_err(fault::to("look up a token"))?;
    Ok(found.as_ref().map(read).transpose()?)
}

pub(super) async fn all(db: &Pool) -> Result<Vec<Token>> {
    let rows =
        sqlx::query("SELECT * FROM tokens ORDER BY id").fetch_all(db).await.map_err(fault::to("look up the tokens"))?;
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}

fn read(row: &Row) -> shared::Result<Token> {
    let id = Named { table: "tokens", name: "of any id", row }.text("id")?;
    let row = Named { table: "tokens", name: &id, row };
    Ok(Token {
        sha256: row.text("sha256")?,
        tenant: row.name("tenant")?,
        role: row.word("role", Role::named)?,
        note: row.text("note")?,
        made: row.time("made")?,
        expires: row.maybe_time("expires")?,
        id: id.clone(),
    })
}

pub(super) async fn revoke(db: &mut Connection, id: &str, by: &str, now: Timestamp) -> Result<bool> {
    let revoked = sqlx::query("DELETE FROM tokens WHERE id = $1 RETURNING tenant")
        .bind(id)
        .fetch_optional(&mut *db)
        .await
        .map_err(fault::on("revoke a token", "tokens", id))?;
    let Some(row) = revoked else { return Ok(false) };
    let tenant = Named { table: "tokens", name: id, row: &row }.name("tenant")?;
    audit(db, by, &tenant, "token.revoke", id, now).await?;
    Ok(true)
}

pub(super) async fn audit(
    db: &mut Connection,
    who: &str,
    tenant: &Name,
    act: &str,
    on: &str,
    now: Timestamp,
) -> Result<()> {
    sqlx::query("INSERT INTO audit (at, who, tenant, act, subject) VALUES ($1, $2, $3, $4, $5)")
        .bind(now.0)
        .bind(who)
        .bind(tenant.as_str())
        .bind(act)
        .bind(on)
        .execute(db)
        .await
        .map_err(fault::on("record an act", "audit", act))?;
    Ok(())
}

/// When, who, for which tenant, what, on what.
pub(super) type Act = (Timestamp, String, Name, String, String);

pub(super) async fn audited(db: &Pool, tenant: Option<&Name>, limit: u32) -> Result<Vec<Act>> {
    let mut query = QueryBuilder::<Db>::new("SELECT * FROM audit");
    if let Some(tenant) = tenant {
        query.push(" WHERE tenant = ").push_bind(tenant.as_str());
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
    let rows = query.build().fetch_all(db).await.map_err(fault::to("look up the audit"))?;
    let read = |found| {
        let row = Named { table: "audit", name: "of any id", row: found };
        Ok((row.time("at")?, row.text("who")?, row.name("tenant")?, row.text("act")?, row.text("subject")?))
    };
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}
