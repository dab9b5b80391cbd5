//! Opening a ledger on a server, and making its tables.

use std::time::Duration;

use shared::{Error, Result};
use sqlx::{ConnectOptions as _, Connection as _, postgres::PgPoolOptions};

use super::{Keeper, books::migrate, place::Place};

/// How long a transaction waits for a connection, the making of one included.
const ACQUIRE: Duration = Duration::from_secs(10);

/// A connection that rested so long is asked whether it still answers before it is used.
const RESTED: Duration = Duration::from_secs(1);

/// What holds for every connection. A statement that takes so long waits for something that will not come, and a
/// transaction that is left open by a process that hangs must not keep the rows that it locked. Tables of a new ledger are empty
/// and look as if reading all of them were cheap; they do not stay so, so the indexes are used from the start. Compiling a
/// statement takes longer than any of ours. Planning one takes as long as running it, and its parameters make no difference to the
/// plan: it is planned once for each connection.
///
/// Set after connecting and not with it, because poolers of connections take no settings then.
const SETTINGS: &str = "SET statement_timeout = '60s'; SET lock_timeout = '30s'; SET enable_seqscan = off;
    SET jit = off; SET plan_cache_mode = force_generic_plan; SET idle_in_transaction_session_timeout = '30s'";

/// A ledger in a `PostgreSQL` database, for a farm.
impl Keeper {
    /// Opens the ledger at `url`. Its tables are made by [`Keeper::migrate`] and by nothing else.
    ///
    /// # Errors
    /// [`Cause::Order`](shared::error::Cause::Order) for a wrong URL, [`Cause::Unreachable`](shared::error::Cause::Unreachable)
    /// naming host and database when nobody answers there or the tables are not those of this version.
    pub async fn open(url: &str) -> Result<Self> {
        let keeper = Self::connect(Place::of(url)?).await?;
        let found = migrate::version(&keeper.pool).await.map_err(|fault| fault.told(&keeper.place))?;
        migrate::fits(found, &keeper.place)?;
        Ok(keeper)
    }

    /// Brings the tables of the ledger at `url` to this version, one process at a time. The versions before and after.
    ///
    /// # Errors
    /// As [`Keeper::open`] does, and when the tables are newer than this program.
    pub async fn migrate(url: &str) -> Result<(i64, i64)> {
        let place = Place::of(url)?;
        let keeper = Self::connect(place).await?;
        let before = migrate::version(&keeper.pool).await.map_err(|fault| fault.told(&keeper.place))?;
        if before > migrate::newest() {
            migrate::fits(before, &keeper.place)?;
        }
        let failed = |e: Box<dyn std::error::Error + Send + Sync>| {
            Error::world(format!("the tables of the ledger {} cannot be made", keeper.place)).from_source(e)
        };
        // A connection of its own: making an index over a large table may take longer than any other statement may.
        let mut db = Place::of(url)?.options.connect().await.map_err(|e| failed(e.into()))?;
        // sqlx holds an advisory lock of the database meanwhile.
        migrate::migrator().run(&mut db).await.map_err(|e| failed(e.into()))?;
        db.close().await.map_err(|e| failed(e.into()))?;
        Ok((before, migrate::newest()))
    }

    async fn connect(place: Place) -> Result<Self> {
        let Place { options, connections, shown } = place;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(Duration::from_mins(5))
            .test_before_acquire(false)
            .before_acquire(|db, rest| Box::pin(async move { Ok(rest.idle_for < RESTED || db.ping().await.is_ok()) }))
            .after_connect(|db, _| Box::pin(async move { sqlx::raw_sql(SETTINGS).execute(db).await.map(drop) }))
            .connect_with(options.application_name("emofarm"))
            .await
            .map_err(|e| {
                Error::unreachable(format!("the ledger {shown} does not answer")).from_source(e).mend(
                    "see that the server runs, that this machine may reach it, and that user and password are right",
                )
            })?;
        Ok(Self { pool, place: shown })
    }
}
