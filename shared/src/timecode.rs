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

impl Timecode {
    /// Reads `HH:MM:SS:FF`, or `HH:MM:SS;FF` where frame numbers are dropped.
    ///
    /// # Errors
    /// As [`Label::read`] and [`Label::frame`].
    pub fn read(text: &str, fps: Fps) -> Result<Self> {
        Ok(Self { frame: Label::read(text)?.frame(fps)?, fps })
    }
}

/// A timecode as it is written, before anything is known about the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Hours, 0 to 99.
    pub hours: u64,
    /// Minutes, 0 to 59.
    pub minutes: u64,
    /// Seconds, 0 to 59.
    pub seconds: u64,
    /// Frames.
    pub frames: u64,
    /// Whether frame numbers are dropped, so that labels keep up with the clock at 29.97 and 59.94 frames a second: the first two (or four)
    /// of each minute but every tenth (SMPTE ST 12-1).
    pub drop_frame: bool,
}

impl Label {
    /// Reads `HH:MM:SS:FF`; `;`, `,` or `.` before the frames says that frame numbers are dropped.
    ///
    /// # Errors
    /// When it has another form, or more than 59 minutes or seconds.
    pub fn read(text: &str) -> Result<Self> {
        let wrong = || {
            Error::order(format!("\"{text}\" is not a timecode"))
                .mend("give HH:MM:SS:FF, or HH:MM:SS;FF where frame numbers are dropped")
        };
        let parts: Vec<&str> = text.split([':', ';', ',', '.']).collect();
        let number = |part: &str| match part.len() {
            1..=3 if part.bytes().all(|b| b.is_ascii_digit()) => part.parse::<u64>().map_err(|_| wrong()),
            _ => Err(wrong()),
        };
        let [hours, minutes, seconds, frames] = parts[..] else { return Err(wrong()) };
        let drop_frame = text.contains([';', ',', '.']);
        let label = Self {
            hours: number(hours)?,
            minutes: number(minutes)?,
            seconds: number(seconds)?,
            frames: number(frames)?,
            drop_frame,
        };
        if label.hours > 99 || label.minutes > 59 || label.seconds > 59 { Err(wrong()) } else { Ok(label) }
    }

    /// The frame that it labels.
    ///
    /// # Errors
    /// When the rate has fewer frames in a second, drops no frame numbers, or drops this one.
    pub fn frame(&self, fps: Fps) -> Result<u64> {
        let rate = fps.nominal();
        let wrong =
            |what: String| Err(Error::order(format!("{self} is not a timecode of {fps} frames a second: {what}")));
        if self.frames >= rate {
            return wrong(format!("its seconds have the frames 0 to {}", rate - 1))
                .map_err(|error: Error| error.mend("give --fps the rate that the timecodes were made with"));
        }
        let minutes = self.hours * 60 + self.minutes;
        let counted = (minutes * 60 + self.seconds) * rate + self.frames;
        if !self.drop_frame {
            return Ok(counted);
        }
        if fps.den() != 1001 || !rate.is_multiple_of(30) {
            return wrong("only 29.97 and 59.94 drop frame numbers".into())
                .map_err(|error: Error| error.mend("write : before the frames where none are dropped"));
        }
        let dropped = rate / 15;
        if self.seconds == 0 && self.frames < dropped && !self.minutes.is_multiple_of(10) {
            return wrong("this number is dropped".into())
                .map_err(|error: Error| error.mend(format!("the minute begins with frame {dropped}")));
        }
        Ok(counted - dropped * (minutes - minutes / 10))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hours, minutes, seconds, frames, drop_frame } = self;
        let mark = if *drop_frame { ';' } else { ':' };
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}{mark}{frames:02}")
    }
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

    #[test]
    fn labels_are_read_with_and_without_dropped_numbers() {
        let frame = |text: &str, fps: &str| Timecode::read(text, fps.parse().unwrap()).map(|timecode| timecode.frame);
        assert_eq!(frame("01:00:00:24", "25").unwrap(), 25 * 3600 + 24);
        assert_eq!(frame("00:01:00:00", "29.97").unwrap(), 1800);
        // The numbers of SMPTE ST 12-1: 17,982 frames in ten minutes, 107,892 in an hour.
        let dropped = [
            ("00:00:59;29", 1799),
            ("00:01:00;02", 1800),
            ("00:09:59;29", 17_981),
            ("00:10:00;00", 17_982),
            ("01:00:00;00", 107_892),
            ("00:01:00.02", 1800),
        ];
        for (text, expected) in dropped {
            assert_eq!(frame(text, "29.97").unwrap(), expected, "{text}");
        }
        assert_eq!(frame("00:01:00;04", "59.94").unwrap(), 3600);
        assert_eq!(frame("01:00:00;00", "59.94").unwrap(), 2 * 107_892);
        for text in [
            "",
            "1",
            "00:00:00",
            "00:00:00:00:00",
            "a:00:00:00",
            "00:60:00:00",
            "00:00:60:00",
            "100:00:00:00",
            "0:0:0:-1",
        ] {
            let error = frame(text, "25").unwrap_err();
            assert!(error.to_string().contains("is not a timecode") && error.mending().is_some(), "{error}");
        }
        for (text, fps, why) in [
            ("00:00:00:25", "25", "the frames 0 to 24"),
            ("00:00:00;10", "25", "drop frame numbers"),
            ("00:00:00;10", "24000/1001", "drop frame numbers"),
            ("00:01:00;01", "29.97", "is dropped"),
        ] {
            let error = frame(text, fps).unwrap_err();
            assert!(error.to_string().contains(why) && error.mending().is_some(), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_frame_has_one_label_where_numbers_are_dropped(frame in 0u64..4_000_000, double: bool) {
            let fps: Fps = if double { "59.94" } else { "29.97" }.parse().unwrap();
            // Labels ascend one by one: the next label of each frame's is the next frame's.
            let dropped = fps.nominal() / 15;
            let in_ten = 600 * fps.nominal() - 9 * dropped;
            let (tens, rest) = (frame / in_ten, frame % in_ten);
            let minute = 60 * fps.nominal();
            let skipped = if rest < minute { 0 } else { dropped * (1 + (rest - minute) / (minute - dropped)) };
            let text = Timecode { frame: frame + tens * 9 * dropped + skipped, fps }.to_string();
            let text = format!("{};{}", &text[..8], &text[9..]);
            prop_assert_eq!(Timecode::read(&text, fps).unwrap().frame, frame, "{}", text);
        }

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
