//! Numbers as people type them, with their limits.

use std::time::Duration;

pub(crate) fn parse<T: std::str::FromStr<Err = shared::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: shared::Error| error.to_string())
}

/// A finite scale of a strength, 0 to 100.
pub(crate) fn scale(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
        _ => Err("give a number from 0 to 100".into()),
    }
}

/// The face region over the face box: from half of it to the whole picture.
pub(crate) fn face_expand(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.5..=4.0).contains(&value) => Ok(value),
        _ => Err("give a number from 0.5 to 4".into()),
    }
}

/// H.264 with 4:2:0 chroma needs even edges; 4096 is the widest picture of level 5.1.
pub(crate) fn film_size(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(size) if (64..=4096).contains(&size) && size % 2 == 0 => Ok(size),
        _ => Err("give an even number of pixels from 64 to 4096".into()),
    }
}

/// A relative error above 0.
pub(crate) fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("give a number above 0, such as 1e-3".into()),
    }
}

/// A length of time: numbers with h, min, m or s behind them, one after the other; seconds without.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    let wrong = || "give a length such as 90s, 10min, 1h or 1h30min".to_owned();
    let (mut rest, mut total) = (text.trim(), 0.0);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(rest.len()));
        let (unit, after) = after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        let unit = match unit {
            "h" => 3600.0,
            "min" | "m" => 60.0,
            "s" => 1.0,
            "" if total == 0.0 => 1.0,
            _ => return Err(wrong()),
        };
        total += number.parse::<f64>().map_err(|_| wrong())? * unit;
        rest = after;
    }
    let fine = total > 0.0 && total <= 86_400.0;
    Duration::try_from_secs_f64(total).ok().filter(|_| fine).ok_or_else(wrong)
}

/// Seconds up to a day, none among them.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "give seconds from 0 to 86400".to_owned();
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    let fine = (0.0..=86_400.0).contains(&seconds);
    Duration::try_from_secs_f64(seconds).ok().filter(|_| fine).ok_or_else(wrong)
}

/// Frames a second, above 0.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.01..=1e9).contains(rate));
    rate.ok_or_else(|| "give a number from 0.01".into())
}

/// A share of the workers an hour: `5%/h`, `5%` or `0.05`.
pub(crate) fn hourly(text: &str) -> Result<f64, String> {
    let share = text.strip_suffix("/h").unwrap_or(text);
    let share = match share.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None => share.parse(),
    };
    let share = share.ok().filter(|share| (0.0..=100.0).contains(share));
    share.ok_or_else(|| "give a share such as 5%/h or 0.05".into())
}

/// A spread below 1.
pub(crate) fn spread(text: &str) -> Result<f64, String> {
    let spread = text.parse::<f64>().ok().filter(|spread| (0.0..=0.99).contains(spread));
    spread.ok_or_else(|| "give a number from 0 to 0.99".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_their_range_are_refused() {
        assert!(scale("nan").is_err());
        assert!(scale("-1").is_err());
        assert!(scale("100").is_ok());
        assert!(film_size("511").is_err());
        assert!(film_size("4098").is_err());
        assert!(film_size("512").is_ok());
        assert!(face_expand("0.4").is_err() && face_expand("4.1").is_err() && face_expand("inf").is_err());
        assert!(face_expand("0.5").is_ok() && face_expand("4").is_ok());
        assert!(spread("1").is_err() && rate("0").is_err() && rate("nan").is_err() && seconds("-1").is_err());
    }

    #[test]
    fn lengths_and_shares_are_read_as_people_write_them() {
        let secs = |text: &str| length(text).map(|length| length.as_secs_f64());
        assert_eq!(["1h", "1h30min", "90s", "1m", "12.5"].map(secs), [3600.0, 5400.0, 90.0, 60.0, 12.5].map(Ok));
        for text in ["", "0s", "1x", "h", "25h", "1h 30", "-5s", "1..2s"] {
            assert!(length(text).is_err(), "{text}");
        }
        assert_eq!(["5%/h", "5%", "0.05/h", "0.05", "0"].map(hourly), [0.05, 0.05, 0.05, 0.05, 0.0].map(Ok));
        assert!(hourly("5%/d").is_err() && hourly("-1%").is_err());
    }
}
