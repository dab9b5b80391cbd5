//! What a loop does while a service is down: it waits longer and longer, and says so once.

use std::time::Duration;

use crate::{Error, Timestamp, pace::Pace};

/// The first wait after a failure.
const FIRST: Duration = Duration::from_millis(500);

/// The longest wait between two tries.
pub const LONGEST: Duration = Duration::from_secs(15);

/// A reminder that the service is still down is said this often.
const REMINDER: Duration = Duration::from_mins(5);

/// Failures in a row of something that is tried again and again.
#[derive(Clone, Debug)]
pub struct Outage {
    seed: u64,
    failures: u32,
    began: Timestamp,
    said: Option<(String, Timestamp)>,
}

/// What to do after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// How long to wait.
    pub wait: Duration,
    /// What to tell people, if anything.
    pub say: Option<String>,
}

impl Outage {
    /// Nothing failed yet. Loops with different seeds wait differently.
    pub fn new(seed: u64) -> Self {
        Self { seed, failures: 0, began: Timestamp::default(), said: None }
    }

    /// It failed again: half a second, one, two, … to [`LONGEST`], spread by a quarter. People are told the first time, when the
    /// reason changes, and every five minutes.
    pub fn failed(&mut self, error: &Error, now: Timestamp) -> Advice {
        if self.failures == 0 {
            self.began = now;
        }
        self.failures = self.failures.saturating_add(1);
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(self.failures - 1)).min(LONGEST);
        let wait = Pace::new(wait, self.seed ^ u64::from(self.failures)).wait().min(LONGEST);
        let news = match &self.said {
            None => true,
            Some((message, at)) => message != error.message() || now.since(*at) >= REMINDER,
        };
        let say = news.then(|| {
            self.said = Some((error.message().to_owned(), now));
            crate::log::redacted(&error.to_string())
        });
        Advice { wait, say }
    }

    /// It works: how long it did not, when people were told of that.
    pub fn over(&mut self, now: Timestamp) -> Option<Duration> {
        self.failures = 0;
        self.said.take().map(|_| now.since(self.began))
    }

    /// Whether it failed the last time.
    pub fn is_on(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_begin_anew() {
        let (mut outage, error) = (Outage::new(1), Error::unreachable("the ledger is down"));
        let waits: Vec<f64> = (0..40).map(|_| outage.failed(&error, Timestamp(0)).wait.as_secs_f64()).collect();
        for (n, wait) in waits.iter().enumerate() {
            let middle = (0.5 * 2_f64.powi(n as i32)).min(15.0);
            assert!((middle * 0.75..=middle * 1.25).contains(wait) && *wait <= 15.0, "{n}: {wait}");
        }
        outage.over(Timestamp(0));
        assert!(outage.failed(&error, Timestamp(0)).wait.as_secs_f64() < 0.7);
    }

    #[test]
    fn people_are_told_once_and_then_seldom() {
        let mut outage = Outage::new(1);
        let down = Error::unreachable("the ledger is down");
        assert_eq!(outage.over(Timestamp(0)), None, "nothing was wrong");
        assert!(outage.failed(&down, Timestamp(1_000)).say.is_some());
        assert!(outage.failed(&down, Timestamp(2_000)).say.is_none());
        let other = Error::unreachable("the ledger refuses the password");
        assert!(outage.failed(&other, Timestamp(3_000)).say.unwrap().contains("password"));
        assert!(outage.failed(&other, Timestamp(302_999)).say.is_none());
        assert!(outage.failed(&other, Timestamp(303_000)).say.is_some(), "a reminder");
        assert!(outage.is_on());
        assert_eq!(outage.over(Timestamp(304_000)), Some(Duration::from_secs(303)));
        assert_eq!(outage.over(Timestamp(305_000)), None);
    }
}
