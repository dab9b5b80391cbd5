//! How long to leave a service alone that does not answer.

use std::time::Duration;

use shared::pace::Pace;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(200);
/// After many: a service that is back is noticed within about this time.
const MOST: Duration = Duration::from_secs(10);

/// The wait after so many failures in a row (from 1): doubled each time, bounded, and spread by `seed`, so that a thousand workers do not
/// come back in the same moment.
pub(crate) fn wait_after(failures: u32, seed: u64) -> Duration {
    let doubled = FIRST.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    Pace::new(doubled.min(MOST), seed ^ u64::from(failures).rotate_right(16)).wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_differ_between_processes() {
        for seed in 0..50 {
            assert!(wait_after(1, seed) <= FIRST.mul_f64(1.25));
            assert!(wait_after(3, seed) >= FIRST.mul_f64(3.0));
            for failures in [7, 31, 32, 33, 1_000, u32::MAX] {
                let wait = wait_after(failures, seed);
                assert!(wait >= MOST.mul_f64(0.75) && wait <= MOST.mul_f64(1.25), "{failures}: {wait:?}");
            }
        }
        assert_ne!(wait_after(5, 1), wait_after(5, 2));
        assert_ne!(wait_after(8, 1), wait_after(9, 1));
    }
}
