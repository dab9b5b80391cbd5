//! When a delivery that failed is tried again.

use std::time::Duration;

use shared::pace::Pace;

/// Waits before each try, in seconds: at once, then over four days.
const WAITS: [u64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Tries in all.
pub const TRIES: u32 = WAITS.len() as u32;

/// The longest wait that a receiver may ask for.
const LONGEST: Duration = Duration::from_hours(24);

/// How long after `tries` failed tries the next one comes, spread by a quarter either way and by delivery, so that a receiver
/// that was away is not met by everything at once. A receiver may ask for a longer wait. Nothing when it is given up.
pub fn wait(tries: u32, delivery: u64, asked: Option<Duration>) -> Option<Duration> {
    let seconds = *WAITS.get(tries as usize)?;
    let usual = Pace::new(Duration::from_secs(seconds), delivery ^ (u64::from(tries) << 48)).wait();
    Some(usual.max(asked.unwrap_or_default().min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_spread_and_end() {
        for delivery in 0..50 {
            for (tries, seconds) in WAITS.iter().enumerate().skip(1) {
                let wait = wait(tries as u32, delivery, None).unwrap().as_secs_f64() / *seconds as f64;
                assert!((0.75..=1.25).contains(&wait), "{tries} {wait}");
            }
        }
        assert_ne!(wait(3, 1, None), wait(3, 2, None));
        assert_eq!(wait(TRIES, 1, None), None);
        assert_eq!(wait(u32::MAX, 1, None), None);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_ever() {
        let hour = Duration::from_hours(1);
        assert_eq!(wait(1, 1, Some(hour)), Some(hour));
        assert_eq!(wait(1, 1, Some(hour * 1000)), Some(LONGEST));
        assert!(wait(4, 1, Some(Duration::from_secs(1))).unwrap() > hour, "never less than usual");
        assert_eq!(wait(TRIES, 1, Some(hour)), None);
    }
}
