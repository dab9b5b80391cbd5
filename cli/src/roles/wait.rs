//! Waiting for what is down: longer and longer, and saying so.

use shared::{Clock, Error, Result, error::Cause, outage::Outage};
use tokio_util::sync::CancellationToken;

/// Tries until it works, for as long as what fails may come back by itself. Says what it waits for.
///
/// # Errors
/// What no waiting mends; [`Error::stopped`] when `cancel` asks to end.
pub(super) async fn until_up<T, F: Future<Output = Result<T>>>(
    role: &str,
    clock: &dyn Clock,
    cancel: &CancellationToken,
    mut attempt: impl FnMut() -> F,
) -> Result<T> {
    let mut outage = Outage::new(u64::from(std::process::id()));
    loop {
        let tried = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Error::stopped()),
            tried = attempt() => tried,
        };
        let error = match tried {
            Ok(up) => {
                if let Some(down) = outage.over(clock.now()) {
                    tracing::info!(seconds = down.as_secs(), "the {role} goes on");
                }
                return Ok(up);
            }
            Err(error) if error.cause() == Cause::Unreachable => error,
            Err(error) => return Err(error),
        };
        let advice = outage.failed(&error, clock.now());
        if let Some(say) = advice.say {
            tracing::warn!("the {role} waits: {say}");
        }
        tokio::select! {
            () = cancel.cancelled() => return Err(Error::stopped()),
            () = tokio::time::sleep(advice.wait) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::clock::SystemClock;
    use std::cell::Cell;

    #[tokio::test]
    async fn what_may_come_back_is_waited_for_and_nothing_else() {
        let (cancel, tried) = (CancellationToken::new(), Cell::new(0));
        let up = until_up("worker", &SystemClock, &cancel, || {
            tried.set(tried.get() + 1);
            let up = tried.get() == 2;
            std::future::ready(if up { Ok(7) } else { Err(Error::unreachable("the ledger at db does not answer")) })
        });
        assert_eq!(up.await.unwrap(), 7);
        let wrong =
            until_up("worker", &SystemClock, &cancel, || std::future::ready(Err::<(), _>(Error::order("no such URL"))));
        assert_eq!(wrong.await.unwrap_err().cause(), Cause::Order);
        cancel.cancel();
        let stopped = until_up("worker", &SystemClock, &cancel, std::future::pending::<Result<()>>);
        assert_eq!(stopped.await.unwrap_err().cause(), Cause::Stopped);
    }
}
