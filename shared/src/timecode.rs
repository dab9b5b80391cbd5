//! Exact frame rates and timecodes.

use std::{fmt, str::FromStr};

use crate::{Error, Result};

/// Frames per second as an exact ratio, such as 25/1 or 30000/1001.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fps {
    num: u32,
    den: u32,
}

impl Fps {
    /// The rate of the published networks of this line.
    pub const PAL: Self = Self { num: 25, den: 1 };

    /// `num / den` frames per second, in lowest terms.
    ///
    /// # Errors
    /// When either is zero, or the rate lies outside 1 to 240.
    pub fn new(num: u32, den: u32) -> Result<Self> {
        if num == 0 || den == 0 || num < den || u64::from(num) > 240 * u64::from(den) {
            return Err(Error::order(format!("a frame rate of {num}/{den} is out of range"))
                .mend("give a rate from 1 to 240 frames per second, such as 25, 23.976 or 30000/1001"));
        }
        let divisor = gcd(num, den);
        Ok(Self { num: num / divisor, den: den / divisor })
    }

    /// The numerator in lowest terms.
    pub fn num(self) -> u32 {
        self.num
    }

    /// The denominator in lowest terms.
    pub fn den(self) -> u32 {
        self.den
    }

    /// The rate as a number, for display and for arithmetic that needs no exactness.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// The time at which `frame` begins, in seconds.
    pub fn seconds(self, frame: u64) -> f64 {
        frame as f64 * f64::from(self.den) / f64::from(self.num)
    }

    /// How many frames cover `samples` at `rate` Hz: `ceil(samples / rate * fps)`, computed without rounding.
    pub fn frames_covering(self, samples: u64, rate: u32) -> u64 {
        let product = u128::from(samples) * u128::from(self.num);
        u64::try_from(product.div_ceil(u128::from(rate) * u128::from(self.den))).unwrap_or(u64::MAX)
    }

    /// Frames per second as editors count them in a timecode: 24 for 23.976, 30 for 29.97.
    pub fn nominal(self) -> u64 {
        u64::from(self.num.div_ceil(self.den))
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl fmt::Display for Fps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 { write!(f, "{}", self.num) } else { write!(f, "{}/{}", self.num, self.den) }
    }
}

impl FromStr for Fps {
    type Err = Error;

    /// Reads `25`, `30000/1001`, or one of the usual decimal names of the 1000/1001 rates (`23.976`, `29.97`, `59.94`).
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::order(format!("\"{text}\" is not a frame rate"))
                .mend("give a whole number, a ratio such as 30000/1001, or 23.976, 29.97, 47.952, 59.94, 119.88")
        };
        let number = |part: &str| part.trim().parse::<u32>().map_err(|_| wrong());
        match text.trim() {
            "23.976" | "23.98" => Self::new(24_000, 1001),
            "29.97" => Self::new(30_000, 1001),
            "47.952" | "47.95" => Self::new(48_000, 1001),
            "59.94" => Self::new(60_000, 1001),
            "119.88" => Self::new(120_000, 1001),
            other => match other.split_once('/') {
                Some((num, den)) => Self::new(number(num)?, number(den)?),
                None => Self::new(number(other)?, 1),
            },
        }
    }
}

impl TryFrom<String> for Fps {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Fps> for String {
    fn from(fps: Fps) -> Self {
        fps.to_string()
    }
}

/// A frame number as editors write it, `HH:MM:SS:FF` (non-drop); a label, never a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timecode {
    /// The frame, counted from 0.
    pub frame: u64,
    /// The rate whose nominal value splits seconds into frames.
    pub fps: Fps,
}

impl fmt::Display for Timecode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.fps.nominal();
        let (seconds, frame) = (self.frame / rate, self.frame % rate);
        write!(f, "{:02}:{:02}:{:02}:{frame:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_rates() {
        for (text, num, den) in [("25", 25, 1), ("29.97", 30_000, 1001), ("23.976", 24_000, 1001), ("50/2", 25, 1)] {
            let fps: Fps = text.parse().unwrap();
            assert_eq!((fps.num(), fps.den()), (num, den), "{text}");
        }
        for text in ["0", "25/0", "-1", "abc", "1/2", "1000", "29.9"] {
            assert!(text.parse::<Fps>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_sample_more_is_one_frame_more() {
        assert_eq!(Fps::PAL.frames_covering(16_000, 16_000), 25);
        assert_eq!(Fps::PAL.frames_covering(16_001, 16_000), 26);
        assert_eq!(Fps::PAL.frames_covering(0, 16_000), 0);
        let ntsc: Fps = "29.97".parse().unwrap();
        assert_eq!(ntsc.frames_covering(3600 * 48_000, 48_000), 107_893);
    }

    #[test]
    fn timecodes_roll_over() {
        let show = |frame, fps: &str| Timecode { frame, fps: fps.parse().unwrap() }.to_string();
        assert_eq!(show(0, "25"), "00:00:00:00");
        assert_eq!(show(25 * 3600 + 24, "25"), "01:00:00:24");
        assert_eq!(show(30, "29.97"), "00:00:01:00");
    }

    proptest! {
        #[test]
        fn frames_cover_the_audio_and_not_one_more(samples in 1u64..500_000_000, rate in 8_000u32..192_000, num in 1u32..60_000) {
            let fps = Fps::new(num.max(1001), 1001).unwrap();
            let frames = fps.frames_covering(samples, rate);
            let end = |n: u64| u128::from(n) * u128::from(fps.den()) * u128::from(rate);
            let audio = u128::from(samples) * u128::from(fps.num());
            prop_assert!(end(frames) >= audio);
            prop_assert!(end(frames - 1) < audio);
        }
    }
}
