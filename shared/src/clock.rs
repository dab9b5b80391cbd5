//! Time as a parameter: nobody in the house asks the machine for it except through [`Clock`].

use std::time::Duration;

/// Milliseconds since the Unix epoch, the resolution that every ledger keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment plus `wait`, saturating at the end of time.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time since `earlier`; zero when that lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// How far the clocks of a farm may be apart. Workers hold leases by their own clocks and coordinators take them back by theirs, so a
/// difference shortens every lease, or keeps that of a lost worker longer.
pub const MOST_SKEW: Duration = Duration::from_secs(5);

/// By how many milliseconds this machine's clock is ahead of another that was read between `asked` and `answered`; negative when it is
/// behind. What may be time on the way counts as none.
pub fn skew(asked: Timestamp, other: Timestamp, answered: Timestamp) -> i64 {
    if other < asked {
        asked.0.saturating_sub(other.0)
    } else if other > answered {
        answered.0.saturating_sub(other.0)
    } else {
        0
    }
}

/// A source of the present moment.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Default)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(now.0.into())
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_saturate_and_never_go_negative() {
        assert_eq!(Timestamp(i64::MAX).after(Duration::from_secs(1)), Timestamp(i64::MAX));
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
        assert_eq!(Timestamp(9).since(Timestamp(5)), Duration::from_millis(4));
    }

    #[test]
    fn manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(Timestamp(100));
        assert_eq!(clock.now(), Timestamp(100));
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp(2100));
    }
}
