//! Running the loops of a role, and ending them in good order.

use std::time::Duration;

use shared::{Error, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long the loops have to end after they were asked to: tasks go back with the clips that are done.
const DRAIN: Duration = Duration::from_millis(9_500);

/// The loops of a role.
pub(super) struct Loops {
    set: JoinSet<(&'static str, Result<()>)>,
    cancel: CancellationToken,
}

impl Loops {
    /// None yet; they end when `cancel` asks them to.
    pub(super) fn new(cancel: &CancellationToken) -> Self {
        Self { set: JoinSet::new(), cancel: cancel.clone() }
    }

    /// Starts one that ends when the token is cancelled.
    pub(super) fn start<F: Future<Output = Result<()>> + Send + 'static>(
        &mut self,
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> F,
    ) {
        let work = run(self.cancel.clone());
        self.set.spawn(async move { (name, work.await) });
    }

    /// Waits until all have ended. One that ends by itself ends the others too: half a role looks alive and does nothing.
    ///
    /// # Errors
    /// What the first one says that ended unasked; or that some did not end in time.
    pub(super) async fn run(mut self) -> Result<()> {
        let first = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Ok(()),
            Some(ended) = self.set.join_next() => unasked(ended),
        };
        self.cancel.cancel();
        let rest = tokio::time::timeout(DRAIN, async {
            while let Some(ended) = self.set.join_next().await {
                if let Ok((name, Err(error))) = ended {
                    tracing::warn!(%error, "the {name} ended badly");
                }
            }
        });
        if rest.await.is_err() {
            let seconds = DRAIN.as_secs_f64();
            return first
                .and(Err(Error::world(format!("work was still going on {seconds} s after it was asked to stop"))
                    .mend("its lease runs out by itself, and another worker goes on from the last clip")));
        }
        first
    }
}

type Ended = std::result::Result<(&'static str, Result<()>), tokio::task::JoinError>;

fn unasked(ended: Ended) -> Result<()> {
    match ended {
        Ok((_, Err(error))) => Err(error),
        // A worker that an operator drained ends by itself.
        Ok((name, Ok(()))) => {
            tracing::info!("the {name} has ended");
            Ok(())
        }
        Err(error) => Err(Error::world("a loop of the role broke").from_source(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn loops_end_together_and_in_time() {
        let cancel = CancellationToken::new();
        let mut loops = Loops::new(&cancel);
        loops.start("patient", |cancel| async move {
            cancel.cancelled().await;
            Ok(())
        });
        loops.start("broken", |_| async { Err(Error::world("it broke")) });
        assert!(loops.run().await.unwrap_err().to_string().contains("it broke"));
        assert!(cancel.is_cancelled(), "the others were asked to end");

        let mut loops = Loops::new(&CancellationToken::new());
        loops.start("stubborn", |_| std::future::pending());
        loops.cancel.cancel();
        let started = tokio::time::Instant::now();
        assert!(loops.run().await.unwrap_err().to_string().contains("still going on"));
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
