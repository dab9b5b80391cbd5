//! What handing out costs in `PostgreSQL`: rows and pages that are read, whatever the length of the queue.

use shared::{
    Frames, Order, Plan, Shape, TaskId, TaskKind, TaskNode, Terms, Timestamp,
    ports::{Patience, Pulse, schedule::View},
};
use sqlx::{Connection as _, Row as _};

use super::farm::{Farm as _, NOW, Postgres, TERM, order};

/// Ready tasks of a job.
const TASKS: u64 = 1000;

/// Tasks that are handed out while it is measured.
const MEASURED: usize = 40;

/// A job of segments that need nothing, so that all of them are ready at once.
fn ready_at_once() -> Plan {
    let node = |kind: TaskKind, needs: Vec<TaskId>| TaskNode { id: TaskId::of(&kind), kind, needs };
    let segment = |at: u64| TaskKind::Segment { chain: 0, index: at as u32, frames: Frames::new(at, at + 1) };
    let mut tasks: Vec<_> = (0..TASKS).map(|at| node(segment(at), Vec::new())).collect();
    let made = tasks.iter().map(|task| task.id.clone()).collect();
    let part = node(TaskKind::Part { index: 0, frames: Frames::new(0, TASKS) }, made);
    let film = node(TaskKind::Film, vec![part.id.clone()]);
    tasks.extend([part, film]);
    let shape = Shape { frames: TASKS, clip_frames: 1, segment_clips: 1, part_segments: TASKS as u32 };
    Plan { shape, cuts: shared::Cuts::default(), retake: None, tasks }
}

/// Fills a ledger with so many jobs and hands tasks out; what was read meanwhile.
async fn handing_out(jobs: u64) -> Read {
    let farm = Postgres::with_one_connection().await;
    // The server's own vacuum would come to the longer queue only, and what is outdated is read again and again while it runs.
    let mut db = sqlx::PgConnection::connect(farm.url()).await.unwrap();
    for table in ["jobs", "tasks", "needs", "attempts"] {
        let alone = format!("ALTER TABLE {table} SET (autovacuum_enabled = false)");
        sqlx::query(sqlx::AssertSqlSafe(alone)).execute(&mut db).await.unwrap();
    }
    let plan = ready_at_once();
    for seed in 0..jobs {
        let order = Order { seed, shape: plan.shape, ..order(TASKS) };
        farm.ledger().submit(&order, &Terms::default(), &plan, Timestamp(1)).await.unwrap();
    }
    sqlx::query("ANALYZE").execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    let before = farm.read().await;
    let few = |view: &View| view.candidates.iter().take(4).map(|task| task.key.clone()).collect();
    for at in 0..MEASURED as i64 {
        let now = Timestamp(NOW + at);
        farm.ledger().release(64, now, &few).await.unwrap();
        farm.ledger().unheard(Timestamp(now.0 - 20), 9, now).await.unwrap();
        let lease = farm.take("one", now.0).await.unwrap();
        farm.ledger().renew(&lease, &Pulse::default(), now.after(TERM), now).await.unwrap();
        farm.ledger().expire(Patience::FARM, now).await.unwrap();
        match at % 4 {
            0 => farm.ledger().give_back(&lease, now).await.unwrap(),
            _ => drop(farm.ledger().complete(&lease, now).await.unwrap()),
        }
    }
    let after = farm.read().await;
    Read { scans: after.scans - before.scans, rows: after.rows - before.rows, entries: after.entries - before.entries }
}

/// What the server counted on the tables of jobs and tasks.
#[derive(Debug)]
struct Read {
    /// Scans of a whole table of tasks or needs.
    scans: i64,
    /// Rows that were read from tables.
    rows: i64,
    /// Entries that were read from indexes.
    entries: i64,
}

/// A server process tells what it counted at the end of a transaction, but not more often than once a second.
const TELLS: std::time::Duration = std::time::Duration::from_millis(1100);

impl Postgres {
    async fn read(&self) -> Read {
        tokio::time::sleep(TELLS).await;
        self.ledger().ping().await.unwrap();
        let mut db = sqlx::PgConnection::connect(self.url()).await.unwrap();
        let found = sqlx::query(
            "SELECT CAST(SUM(CASE WHEN relname IN ('tasks', 'needs') THEN seq_scan ELSE 0 END) AS BIGINT) AS scans,
                    CAST(SUM(seq_tup_read + COALESCE(idx_tup_fetch, 0)) AS BIGINT) AS rows,
                    CAST((SELECT SUM(idx_tup_read) FROM pg_stat_user_indexes
                          WHERE relname IN ('jobs', 'tasks', 'needs', 'attempts')) AS BIGINT) AS entries
             FROM pg_stat_user_tables WHERE relname IN ('jobs', 'tasks', 'needs', 'attempts')",
        );
        let found = found.fetch_one(&mut db).await.unwrap();
        let read = Read { scans: found.get("scans"), rows: found.get("rows"), entries: found.get("entries") };
        db.close().await.unwrap();
        read
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handing_out_costs_the_same_whatever_the_length_of_the_queue() {
    let (short, long) = (handing_out(2).await, handing_out(40).await);
    println!("2,000 ready tasks: {short:?}; 40,000: {long:?}");
    assert_eq!(long.scans, 0, "no table is read from end to end");
    let bounded = |long: i64, short: i64| long <= short * 21 / 20;
    assert!(bounded(long.rows, short.rows), "{short:?}; twenty times as many: {long:?}");
    assert!(bounded(long.entries, short.entries), "{short:?}; twenty times as many: {long:?}");
    assert!(short.rows > MEASURED as i64 * 64, "what was handed out was counted: {short:?}");
}
