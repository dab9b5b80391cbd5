//! How long a loop waits between two looks: a period, spread a little, so that many loops do not look in step.

use std::time::Duration;

/// Waits of three to five quarters of a period, the same sequence for the same seed.
#[derive(Clone, Debug)]
pub struct Pace {
    period: Duration,
    state: u64,
}

impl Pace {
    /// Waits around `period`; loops with different seeds drift apart.
    pub fn new(period: Duration, seed: u64) -> Self {
        Self { period, state: seed }
    }

    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): enough chance for a wait.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let share = ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        self.period.mul_f64(0.75 + 0.5 * share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_near_the_period_and_differ() {
        let period = Duration::from_secs(4);
        let waits = |seed| {
            let mut pace = Pace::new(period, seed);
            (0..200).map(|_| pace.wait()).collect::<Vec<_>>()
        };
        let a = waits(1);
        assert!(a.iter().all(|wait| (3.0..=5.0).contains(&wait.as_secs_f64())), "{a:?}");
        let mean = a.iter().map(Duration::as_secs_f64).sum::<f64>() / 200.0;
        assert!((mean - 4.0).abs() < 0.15, "{mean}");
        assert_eq!(a, waits(1));
        assert_ne!(a, waits(2));
    }
}
