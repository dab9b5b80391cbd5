//! The loudness of speech per frame, and how a mouth follows it.

use crate::Fps;

/// Samples per second that the meter takes, as all models do.
const RATE: u64 = 16_000;

/// Decibels below full scale that count as silence.
const SILENCE: f32 = -60.0;

/// Frames that a mouth may be early or late, in what is looked at.
pub const MOST_LAG: i32 = 5;

/// Frames that a correlation is measured on at the least; fewer agree by chance.
const FEWEST: usize = 50;

/// Measures the loudness of each frame of a stream of samples.
#[derive(Clone, Debug)]
pub struct SpeechMeter {
    fps: Fps,
    taken: u64,
    squares: f64,
    count: u32,
    levels: Vec<f32>,
}

impl SpeechMeter {
    /// A meter for a film at `fps`.
    pub fn new(fps: Fps) -> Self {
        Self { fps, taken: 0, squares: 0.0, count: 0, levels: Vec::new() }
    }

    /// Takes the next samples, 16 kHz, mono, -1 to 1.
    pub fn push(&mut self, samples: &[f32]) {
        for sample in samples {
            let frame = self.taken * u64::from(self.fps.num()) / (RATE * u64::from(self.fps.den()));
            if frame > self.levels.len() as u64 {
                self.close();
            }
            self.squares += f64::from(*sample) * f64::from(*sample);
            (self.count, self.taken) = (self.count + 1, self.taken + 1);
        }
    }

    fn close(&mut self) {
        let power = self.squares / f64::from(self.count.max(1));
        let level = if power > 0.0 { 10.0 * power.log10() as f32 } else { SILENCE };
        self.levels.push((1.0 - level / SILENCE).clamp(0.0, 1.0));
        (self.squares, self.count) = (0.0, 0);
    }

    /// The loudness of `frames` frames in the logarithm of their power: 0 is -60 dB of full scale or less, 1 is full scale. Silence
    /// stands in where the stream was shorter.
    pub fn finish(mut self, frames: u64) -> Vec<f32> {
        if self.count > 0 {
            self.close();
        }
        self.levels.resize(frames as usize, 0.0);
        self.levels
    }
}

/// How a mouth follows the speech.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Follows {
    /// Pearson's correlation of the opening of the mouth with the loudness at the lag where it is highest, -1 to 1.
    pub correlation: f32,
    /// By how many frames the mouth comes later than the sound, -5 to 5.
    pub lag: i32,
}

/// How the opening of a mouth follows the loudness of the same frames. Nothing for less than two seconds of film, and where one of them
/// never changes.
pub fn follows(mouth: &[f32], speech: &[f32]) -> Option<Follows> {
    follows_within(mouth, speech, MOST_LAG, FEWEST)
}

/// As [`follows`], with lags up to `lag` frames on either side and nothing for fewer than `fewest` frames, which are more than two lags.
pub(super) fn follows_within(mouth: &[f32], speech: &[f32], lag: i32, fewest: usize) -> Option<Follows> {
    let frames = mouth.len().min(speech.len());
    // Frames that every lag has, so that all lags are measured on equally many.
    let most = lag as usize;
    if frames < fewest.max(2 * most + 1) {
        return None;
    }
    let heard = &speech[most..frames - most];
    let reach = lag;
    let at = |lag: i32| {
        let from = (reach + lag) as usize;
        correlation(&mouth[from..from + heard.len()], heard).map(|correlation| Follows { correlation, lag })
    };
    // Where two lags are alike, the smaller one is meant.
    let mut lags: Vec<i32> = (-reach..=reach).collect();
    lags.sort_by_key(|lag| std::cmp::Reverse(lag.abs()));
    lags.into_iter().filter_map(at).max_by(|a, b| a.correlation.total_cmp(&b.correlation))
}

fn correlation(a: &[f32], b: &[f32]) -> Option<f32> {
    let mean = |x: &[f32]| x.iter().map(|x| f64::from(*x)).sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut own_a, mut own_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a) - mean_a, f64::from(*b) - mean_b);
        (both, own_a, own_b) = (both + a * b, own_a + a * a, own_b + b * b);
    }
    (own_a > 1e-9 && own_b > 1e-9).then(|| (both / (own_a * own_b).sqrt()) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_is_that_of_the_frame_however_the_stream_is_cut() {
        // 25 frames a second have 640 samples each: silence, -20 dB, full scale, and a half of one at -40 dB.
        let mut samples = vec![0.0; 640];
        for (level, count) in [(0.1, 640), (1.0, 640), (0.01, 320)] {
            samples.extend(std::iter::repeat_n(level, count));
        }
        for piece in [7, 640, 5000] {
            let mut meter = SpeechMeter::new(Fps::PAL);
            samples.chunks(piece).for_each(|piece| meter.push(piece));
            let levels = meter.finish(5);
            let expected = [0.0, 2.0 / 3.0, 1.0, 1.0 / 3.0, 0.0];
            assert!(levels.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3), "{levels:?}");
        }
        let mut meter = SpeechMeter::new("30000/1001".parse().unwrap());
        meter.push(&vec![1.0; 16_016]);
        assert!(meter.finish(30).iter().all(|level| *level > 0.999), "30 frames of 29.97 are 1.001 s");
    }

    /// Syllables that do not repeat within the lags.
    fn speech(frames: usize) -> Vec<f32> {
        (0..frames).map(|i| (i as f32 * 0.9).sin().max(0.0) * (i as f32 * 0.13).cos().abs()).collect()
    }

    #[test]
    fn a_mouth_that_is_n_frames_late_is_found_to_be() {
        let speech = speech(300);
        for lag in -MOST_LAG..=MOST_LAG {
            let mouth: Vec<f32> = (0..300).map(|i| 0.2 + 0.5 * speech[(i - lag).clamp(0, 299) as usize]).collect();
            let found = follows(&mouth, &speech).unwrap();
            assert!(found.lag == lag && found.correlation > 0.999, "{lag}: {found:?}");
        }
    }

    #[test]
    fn a_mouth_of_its_own_does_not_follow() {
        let speech = speech(400);
        let mouth: Vec<f32> = (0..400_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 16) as f32 / 65_536.0).collect();
        assert!(follows(&mouth, &speech).unwrap().correlation < 0.3);
        assert_eq!(follows(&[0.4; 100], &speech), None, "it never moves");
        assert_eq!(follows(&mouth[..49], &speech), None, "that is too short to tell");
    }
}
