//! From band powers to how far a moment stands above its surroundings.

use std::collections::VecDeque;

use shared::pauses::Pause;

use super::bands::BANDS;

/// Moments that are looked at before and after one, to find the floor: 5 s.
const AROUND: usize = 500;

/// Moments that the power of a floor is averaged over: 100 ms, as long as the shortest pauses.
const FLOOR_MEAN: usize = 10;

/// Moments that a moment is averaged over with its neighbours.
const MEAN: usize = 3;

/// How many of the bands count: the most prominent ones.
const COUNT: usize = 3;

/// What is left of the level of the speech after one moment without any: a quarter of a decibel a second.
const FADING: f32 = 0.999_424_5;

/// The floor of a band lies no further below the level of the speech in all bands: 40 dB. What is softer is silent beside it.
const RANGE: f32 = 1e-4;

/// Nothing is softer than this: -100 dB.
const SOFTEST: f32 = 1e-10;

/// Below this power in all bands, -65 dB, it is silent whatever comes before and after.
const SILENCE: f32 = 3e-7;

/// Decibels by which speech must stand above the floor at the least, to tell the one from the other.
const CONTRAST: f32 = 8.0;

/// Decibels above the floor that are quiet however soft the speech is: what noise does by itself.
const NOISE: f32 = 4.5;

/// Quiet moments stand at most so far above the floor, as a share of how far the speech does.
const SHARE: f32 = 0.3;

/// One moment of the track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    /// Whether nobody speaks.
    pub(super) quiet: bool,
    /// Decibels below the level of the speech.
    pub(super) depth: f32,
}

/// Decides about moments, 5 s after they came.
pub(super) struct Levels {
    /// Powers of the moments that are not decided, of the one before them, and of as many as a floor needs.
    recent: VecDeque<[f32; BANDS]>,
    /// In each band the least average power of the moments around the one that is decided.
    floors: [Least; BANDS],
    /// Level of the speech in each band and in all.
    speech: [f32; BANDS],
    loudness: f32,
    /// Moments that came, and that were decided.
    came: u64,
    decided: u64,
}

impl Levels {
    pub(super) fn new() -> Self {
        Self {
            recent: VecDeque::with_capacity(AROUND + FLOOR_MEAN + MEAN),
            floors: std::array::from_fn(|_| Least::default()),
            speech: [0.0; BANDS],
            loudness: 0.0,
            came: 0,
            decided: 0,
        }
    }

    /// Takes the powers of the next moment; the moment that can be decided now, if there is one.
    pub(super) fn push(&mut self, powers: [f32; BANDS]) -> Option<Moment> {
        self.recent.push_back(powers);
        let mean = self.mean_of_last(FLOOR_MEAN);
        let total: f32 = mean.iter().sum();
        self.loudness = (self.loudness * FADING).max(total);
        for (band, power) in mean.into_iter().enumerate() {
            self.speech[band] = (self.speech[band] * FADING).max(power);
            // The first averages are of too few moments to say anything about a floor.
            if self.came + 1 >= FLOOR_MEAN as u64 {
                self.floors[band].push(self.came, power);
            }
        }
        self.came += 1;
        (self.came > self.decided + AROUND as u64).then(|| self.decide())
    }

    /// After the last moment: the next one that is not decided yet.
    pub(super) fn drain(&mut self) -> Option<Moment> {
        (self.decided < self.came).then(|| self.decide())
    }

    fn decide(&mut self) -> Moment {
        let at = self.decided;
        self.decided += 1;
        let oldest = self.came - self.recent.len() as u64;
        let place = (at - oldest) as usize;
        let around = place.saturating_sub(MEAN / 2)..(place + MEAN / 2 + 1).min(self.recent.len());
        let powers = mean(self.recent.range(around));
        let moment = self.judge(powers, at);
        // One moment before the next is needed, and enough for the average of the newest.
        while self.recent.len() > (self.came - at) as usize + FLOOR_MEAN.max(MEAN) {
            self.recent.pop_front();
        }
        moment
    }

    fn judge(&mut self, powers: [f32; BANDS], at: u64) -> Moment {
        let (mut above, mut contrast) = ([0.0; BANDS], [0.0; BANDS]);
        for band in 0..BANDS {
            let least = self.floors[band].since(at.saturating_sub(AROUND as u64)).unwrap_or(powers[band]);
            let floor = least.max(self.loudness * RANGE).max(SOFTEST);
            above[band] = decibels(powers[band] / floor);
            contrast[band] = decibels(self.speech[band] / floor);
        }
        let (above, contrast) = (most_prominent(above), most_prominent(contrast));
        let total: f32 = powers.iter().sum();
        let softer = contrast >= CONTRAST && above < NOISE.max(SHARE * contrast) && 2.0 * total < self.loudness;
        let silent = total < SILENCE;
        let depth = if silent { Pause::DEEPEST } else { (contrast - above).clamp(0.0, Pause::DEEPEST) };
        Moment { quiet: softer || silent, depth }
    }

    fn mean_of_last(&self, moments: usize) -> [f32; BANDS] {
        mean(self.recent.range(self.recent.len().saturating_sub(moments)..))
    }

    /// Numbers held.
    pub(super) fn held(&self) -> usize {
        self.recent.len() * BANDS + self.floors.iter().map(|floor| floor.0.len()).sum::<usize>()
    }
}

fn mean<'a>(moments: impl ExactSizeIterator<Item = &'a [f32; BANDS]>) -> [f32; BANDS] {
    let (count, mut sums) = (moments.len().max(1) as f32, [0.0; BANDS]);
    for powers in moments {
        (0..BANDS).for_each(|band| sums[band] += powers[band]);
    }
    sums.map(|sum| sum / count)
}

/// Decibels of a ratio of powers, none below 0.
fn decibels(ratio: f32) -> f32 {
    10.0 * ratio.max(1.0).log10()
}

/// The average of the largest.
fn most_prominent(mut bands: [f32; BANDS]) -> f32 {
    bands.sort_by(|a, b| b.total_cmp(a));
    bands[..COUNT].iter().sum::<f32>() / COUNT as f32
}

/// The least of the last numbers of a sequence, found in constant time for each: a queue in which every number is larger than the one
/// before.
#[derive(Default)]
struct Least(VecDeque<(u64, f32)>);

impl Least {
    fn push(&mut self, at: u64, number: f32) {
        while self.0.back().is_some_and(|(_, last)| *last >= number) {
            self.0.pop_back();
        }
        self.0.push_back((at, number));
    }

    /// The least of those from `first` on, which are all that will be asked for from now on.
    fn since(&mut self, first: u64) -> Option<f32> {
        while self.0.front().is_some_and(|(at, _)| *at < first) {
            self.0.pop_front();
        }
        self.0.front().map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_a_window_is_found() {
        let numbers: Vec<f32> = (0..300_u32).map(|n| (n * 7919 % 101) as f32).collect();
        let mut least = Least::default();
        for (at, number) in numbers.iter().enumerate() {
            least.push(at as u64, *number);
            let first = at.saturating_sub(20);
            let expected = numbers[first..=at].iter().copied().fold(f32::MAX, f32::min);
            assert_eq!(least.since(first as u64), Some(expected), "{at}");
        }
    }

    #[test]
    fn every_moment_is_decided_once_and_little_is_held() {
        for moments in [0, 1, 5, 499, 500, 501, 5000] {
            let (mut levels, mut decided, mut most) = (Levels::new(), 0, 0);
            for n in 0..moments {
                decided += usize::from(levels.push([(n % 17) as f32; BANDS]).is_some());
                most = most.max(levels.held());
            }
            while levels.drain().is_some() {
                decided += 1;
            }
            assert_eq!(decided, moments);
            assert!(most <= BANDS * (3 * AROUND + 2 * FLOOR_MEAN), "{most}");
        }
    }
}
