//! Chance as a function of the seed and of what is drawn for, so that the order of events changes no draw.

use std::time::Duration;

/// What a number is drawn for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Draw {
    /// How long an attempt at a task takes.
    Length { film: u32, task: u32, attempt: u32 },
    /// How long a worker lives.
    Life { hand: u32 },
    /// When a worker looks for tasks.
    Pace { hand: u32 },
}

impl Draw {
    /// 64 bits for this draw (the finaliser of `SplitMix64` over each word; Steele, Lea, Flood, OOPSLA 2014).
    pub(super) fn bits(self, seed: u64) -> u64 {
        let words = match self {
            Self::Length { film, task, attempt } => [1, u64::from(film), u64::from(task), u64::from(attempt)],
            Self::Life { hand } => [2, u64::from(hand), 0, 0],
            Self::Pace { hand } => [3, u64::from(hand), 0, 0],
        };
        words
            .into_iter()
            .fold(mixed(seed), |state, word| mixed(state ^ mixed(word.wrapping_add(0x9E37_79B9_7F4A_7C15))))
    }

    /// A number from 0 to below 1.
    fn share(self, seed: u64) -> f64 {
        (self.bits(seed) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A factor around 1, uniform from `1 - spread` to `1 + spread`.
    pub(super) fn factor(self, seed: u64, spread: f64) -> f64 {
        1.0 + spread * (2.0 * self.share(seed) - 1.0)
    }

    /// A waiting time of a Poisson process with so many events an hour; for ever when there are none.
    pub(super) fn wait(self, seed: u64, per_hour: f64) -> Option<Duration> {
        if per_hour <= 0.0 {
            return None;
        }
        Duration::try_from_secs_f64(-(1.0 - self.share(seed)).ln() / per_hour * 3600.0).ok()
    }
}

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_means_that_they_should() {
        let hands = 20_000;
        let mean = |of: &dyn Fn(u32) -> f64| (0..hands).map(of).sum::<f64>() / f64::from(hands);
        let life = mean(&|hand| Draw::Life { hand }.wait(7, 0.05).unwrap().as_secs_f64());
        assert!((life / 72_000.0 - 1.0).abs() < 0.03, "{life}");
        let factor = mean(&|task| Draw::Length { film: 1, task, attempt: 1 }.factor(7, 0.2));
        assert!((factor - 1.0).abs() < 0.005, "{factor}");
        assert_eq!(Draw::Life { hand: 3 }.wait(7, 0.0), None);
    }

    #[test]
    fn draws_differ_by_everything_that_they_are_for() {
        let length = |film, task, attempt| Draw::Length { film, task, attempt };
        let draws = [length(0, 0, 1), length(1, 0, 1), length(0, 1, 1), length(0, 0, 2), Draw::Life { hand: 0 }];
        let mut bits: Vec<u64> = draws.iter().flat_map(|draw| [draw.bits(1), draw.bits(2)]).collect();
        bits.sort_unstable();
        bits.dedup();
        assert_eq!(bits.len(), 10);
    }
}
