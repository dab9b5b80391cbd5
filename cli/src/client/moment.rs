//! Moments as the farm writes them: RFC 3339 text in UTC.

use std::{fmt, time::Duration};

/// A moment, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

impl Moment {
    /// Reads `2026-11-21T15:04:05.678Z`; other zones are not among what farms send.
    fn read(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let date: Vec<i64> = date.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let time: Vec<i64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let ([year, month @ 1..=12, day @ 1..=31], [hour, minute, second]) = (&date[..], &time[..]) else {
            return None;
        };
        let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
        let seconds = ((days(*year, *month, *day) * 24 + hour) * 60 + minute) * 60 + second;
        Some(Self(seconds * 1000 + ms))
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn of(ms: i64) -> Self {
        Self(ms)
    }

    /// Time since `earlier`; zero when that lies in the future.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let of_era = year.rem_euclid(400) * 365 + year.rem_euclid(400) / 4 - year.rem_euclid(400) / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

impl fmt::Display for Moment {
    /// The time of the day, UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0.div_euclid(1000).rem_euclid(86_400);
        write!(f, "{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
    }
}

impl<'de> serde::Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str> as serde::Deserialize>::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom(format!("\"{text}\" is not a moment")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        let known = [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2024-11-21T15:04:05.678Z", 1_732_201_445_678),
            ("2024-11-21T15:04:05.6789Z", 1_732_201_445_678),
            ("1969-12-31T23:59:59.999Z", -1),
        ];
        for (text, ms) in known {
            assert_eq!(Moment::read(text), Some(Moment(ms)), "{text}");
        }
        for text in ["", "now", "2024-11-21", "2024-13-01T00:00:00Z", "2024-11-21T15:04:05+01:00"] {
            assert_eq!(Moment::read(text), None, "{text}");
        }
        assert_eq!(Moment(1_732_201_445_678).to_string(), "15:04:05");
        assert_eq!(Moment(2000).since(Moment(500)), Duration::from_millis(1500));
    }
}
