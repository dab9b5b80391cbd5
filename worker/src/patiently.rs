//! Asking a store again that does not answer, while asking makes sense.

use std::time::Duration;

use shared::{Result, error::Cause, outage::Outage, pace::Pace};

use crate::{stop::Stop, worker::Worker};

/// The first wait and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Asks until there is an answer: a store that cannot be reached is asked again for as long as the work is not stopped. Nothing here
/// counts as a step, so that work that waits for ever is taken back as stuck.
pub(crate) async fn patiently<T, F: Future<Output = Result<T>>>(
    worker: &Worker,
    stop: &Stop,
    what: &str,
    ask: impl Fn() -> F,
) -> Result<T> {
    let (mut outage, mut wait) = (Outage::new(0), WAITS.0);
    loop {
        match ask().await {
            Err(error) if error.cause() == Cause::Unreachable => {
                // What stopped the work is the reason to tell, not what it waited for.
                stop.check()?;
                if let Some(why) = outage.failed(&error, worker.ports.clock.now()).say {
                    tracing::warn!(error = why, "waits: {what}");
                }
                pause(Pace::new(wait, worker.seed()).wait(), stop).await;
                stop.check()?;
                wait = (wait * 2).min(WAITS.1);
            }
            answer => return answer,
        }
    }
}

/// Waits, but not on when the work is stopped.
async fn pause(wait: Duration, stop: &Stop) {
    let end = tokio::time::Instant::now() + wait;
    while tokio::time::Instant::now() < end && stop.check().is_ok() {
        tokio::time::sleep(wait.min(Duration::from_millis(50))).await;
    }
}
