//! How long something is kept, as people write it.

use std::{fmt, str::FromStr, time::Duration};

use crate::{Error, Result};

/// A span of time in whole seconds, written with its unit: `90s`, `30m`, `12h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(u64);

/// Units, the longest first.
const UNITS: [(u64, char); 4] = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];

/// A hundred years: what is to be kept longer is kept for good.
const MOST_SECONDS: u64 = 36_525 * 86_400;

impl Span {
    /// The span.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let unit = text.chars().last()?;
            let (seconds, _) = UNITS.into_iter().find(|(_, letter)| *letter == unit)?;
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(seconds).filter(|seconds| *seconds <= MOST_SECONDS)
        };
        read().map(Self).ok_or_else(|| {
            Error::order(format!("\"{text}\" is no span of time"))
                .mend("give a whole number and a unit, such as 30d, 12h, 30m or 90s, of a hundred years at most")
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.into_iter().find(|(seconds, _)| self.0 > 0 && self.0.is_multiple_of(*seconds));
        let (seconds, unit) = whole.unwrap_or((1, 's'));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

impl TryFrom<String> for Span {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_in_their_largest_unit() {
        for (text, seconds, same) in [
            ("30d", 2_592_000, "30d"),
            ("48h", 172_800, "2d"),
            ("90s", 90, "90s"),
            ("120s", 120, "2m"),
            ("0d", 0, "0s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.duration().as_secs(), span.to_string().as_str()), (seconds, same));
        }
        for wrong in ["", "d", "30", "-1d", "1.5h", "3 d", "99999d", "18446744073709551615d", "1w"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }
}
