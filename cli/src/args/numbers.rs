//! Numbers as people type them, with their limits.

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
    }
}
