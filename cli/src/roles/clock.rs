//! Whether this machine's clock goes with the ledger's.

use std::time::Duration;

use shared::{clock::MOST_SKEW, ports::Stores};

use super::{Post, drain::Loops};

/// Time between two looks.
const LOOK: Duration = Duration::from_mins(1);

/// What to do about clocks that are apart.
pub(crate) const MEND: &str = "synchronise the clocks of all machines of the farm (NTP, chrony): leases are held by one and taken back by another";

/// Says how far a clock is off that is ahead by `skew` milliseconds, if that is too far.
pub(crate) fn too_far(skew: i64) -> Option<String> {
    let off = Duration::from_millis(skew.unsigned_abs());
    let way = if skew > 0 { "ahead of" } else { "behind" };
    (off > MOST_SKEW).then(|| format!("this machine's clock is {:.1} s {way} the ledger's", off.as_secs_f64()))
}

impl Post {
    /// Looks at the clock now and then, and warns when it goes wrong and when it is right again.
    pub(super) fn watch_clock(&self, stores: &Stores, loops: &mut Loops) {
        let (ledger, clock) = (stores.ledger.clone(), self.clock.clone());
        loops.start("clock", |cancel| async move {
            let mut wrong = false;
            loop {
                // A ledger that does not answer is told of by whoever works with it.
                if let Ok(skew) = ledger.skew_of(clock.as_ref()).await {
                    metrics::gauge!("emofarm_clock_skew_seconds").set(skew as f64 / 1000.0);
                    wrong = tell(skew, wrong);
                }
                tokio::select! {
                    () = cancel.cancelled() => return Ok(()),
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        });
    }
}

/// Says what changed; whether the clock is wrong now.
fn tell(skew: i64, before: bool) -> bool {
    let wrong = too_far(skew);
    match &wrong {
        Some(what) if !before => tracing::warn!("{what}; {MEND}"),
        None if before => tracing::info!("this machine's clock goes with the ledger's again"),
        _ => {}
    }
    wrong.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_be_five_seconds_off() {
        assert_eq!([too_far(0), too_far(5000), too_far(-5000)], [None, None, None]);
        assert_eq!(too_far(5100).unwrap(), "this machine's clock is 5.1 s ahead of the ledger's");
        assert_eq!(too_far(-61_000).unwrap(), "this machine's clock is 61.0 s behind the ledger's");
        assert!(tell(6000, false) && tell(6000, true) && !tell(10, true) && !tell(10, false));
    }
}
