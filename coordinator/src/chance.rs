//! Chance of the machine, for secrets and ids that nobody may guess.

use shared::{Error, Result};

/// `N` random bytes as hexadecimal digits.
///
/// # Errors
/// [`Cause::World`](shared::error::Cause::World) when the machine has no source of chance.
pub(crate) fn hex<const N: usize>() -> Result<String> {
    use std::fmt::Write as _;
    let bytes = bytes::<N>()?;
    Ok(bytes.iter().fold(String::with_capacity(2 * N), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// `N` random bytes.
///
/// # Errors
/// As [`hex`].
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::world("the machine has no source of random numbers").from_source(e))?;
    Ok(bytes)
}
