//! The log of one attempt, kept in the blob store piece by piece while the work goes on.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shared::{
    Clock, Result,
    log::{Level, Line},
    ports::{BlobKey, Blobs, Lease},
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

/// A line waits no longer than this for its piece to be kept: what a killed worker loses.
const PERIOD: Duration = Duration::from_secs(5);

/// A piece is kept at once when it has so many bytes.
const FULL: usize = 64 * 1024;

/// Bytes that wait while the store is down; later lines are dropped and counted.
pub(crate) const MOST_BYTES: usize = 256 * 1024;

/// Pieces of one attempt; later lines are dropped.
pub(crate) const MOST_PIECES: u32 = 10_000;

/// How long an attempt that is over waits for its last piece.
const LAST: Duration = Duration::from_secs(3);

/// Lines on their way to the blob store.
pub(crate) struct Journal<'a> {
    blobs: &'a dyn Blobs,
    clock: &'a dyn Clock,
    lease: &'a Lease,
    buffer: Mutex<Buffer>,
    full: Notify,
}

#[derive(Default)]
struct Buffer {
    lines: String,
    dropped: u64,
    /// The number of the next piece.
    piece: u32,
}

impl<'a> Journal<'a> {
    pub(crate) fn new(blobs: &'a dyn Blobs, clock: &'a dyn Clock, lease: &'a Lease) -> Self {
        Self { blobs, clock, lease, buffer: Mutex::default(), full: Notify::new() }
    }

    /// A line with the present moment, to be completed and given to [`Journal::write`].
    pub(crate) fn line(&self, level: Level, message: &str) -> Line {
        Line::new(self.clock.now(), level, message)
    }

    /// Takes a line. Never waits.
    pub(crate) fn write(&self, line: &Line) {
        let text = line.to_json();
        let mut buffer = self.lock();
        if buffer.lines.len() + text.len() > MOST_BYTES || buffer.piece >= MOST_PIECES {
            buffer.dropped += 1;
            return;
        }
        buffer.lines.push_str(&text);
        if buffer.lines.len() >= FULL {
            self.full.notify_one();
        }
    }

    /// Keeps pieces for ever; drop it when the attempt is over.
    pub(crate) async fn keep_on(&self) {
        loop {
            tokio::select! {
                () = self.full.notified() => {}
                () = sleep(PERIOD) => {}
            }
            if let Err(error) = self.keep().await {
                tracing::debug!(%error, "a piece of a log was not kept yet");
            }
        }
    }

    /// Keeps the last piece, unless the store takes too long.
    pub(crate) async fn close(&self) {
        match timeout(LAST, self.keep()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the end of a log was not kept"),
            Err(_) => tracing::warn!("the end of a log was not kept in time"),
        }
    }

    /// Keeps what waits as one piece.
    async fn keep(&self) -> Result<()> {
        let (piece, lines, dropped) = {
            let mut buffer = self.lock();
            if (buffer.lines.is_empty() && buffer.dropped == 0) || buffer.piece > MOST_PIECES {
                return Ok(());
            }
            let piece = buffer.piece;
            // A failed write may have written after all, so its number is not used again: rather a line twice than never.
            buffer.piece += 1;
            (piece, std::mem::take(&mut buffer.lines), std::mem::take(&mut buffer.dropped))
        };
        let mut text = lines.clone();
        if dropped > 0 {
            text += &self
                .line(Level::Warn, "lines were dropped here: there were too many")
                .with("lines", dropped)
                .to_json();
        }
        let key = BlobKey::log(&self.lease.key.job, &self.lease.key.task, self.lease.attempt, piece)?;
        let kept = self.blobs.put(&key, text.as_bytes()).await;
        if kept.is_err() {
            let mut buffer = self.lock();
            buffer.lines.insert_str(0, &lines);
            buffer.dropped += dropped;
        }
        kept.map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
