//! Random marks; nothing that they are used for changes a picture.

use shared::{Error, Result};

/// A mark that nobody else has: 32 hexadecimal digits.
///
/// # Errors
/// When the machine gives no random bytes.
pub(crate) fn key() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::world("the machine gives no random bytes").from_source(e.to_string()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
