//! Signatures: HMAC-SHA256 over id, moment and body.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use shared::{Error, Result};

/// What every key begins with.
const PREFIX: &str = "whsec_";

/// Bytes that a key may have.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The header `webhook-signature`: `v1,` and the signature in base64. `timestamp` in seconds since 1970.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) when the key is none; the key itself is never shown.
pub fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<String> {
    let mac = mac(secret, id, timestamp, body)?;
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// Whether one of the signatures in the header `webhook-signature` is right, compared in constant time. For receivers.
///
/// # Errors
/// As [`sign`].
pub fn verify(secret: &str, id: &str, timestamp: i64, body: &[u8], header: &str) -> Result<bool> {
    let mac = mac(secret, id, timestamp, body)?;
    let given = header.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
    Ok(given.filter_map(|text| STANDARD.decode(text).ok()).any(|bytes| mac.clone().verify_slice(&bytes).is_ok()))
}

fn mac(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<Hmac<Sha256>> {
    let key = key(secret)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| wrong_key())?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(mac)
}

/// The bytes of a key.
pub(super) fn key(secret: &str) -> Result<Vec<u8>> {
    let bytes = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
    bytes.filter(|bytes| BYTES.contains(&bytes.len())).ok_or_else(wrong_key)
}

fn wrong_key() -> Error {
    Error::order("the secret of the webhook is not a key")
        .mend("give whsec_ and 24 to 64 random bytes in base64, such as \"whsec_$(openssl rand -base64 32)\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the convention's reference libraries (<https://github.com/standard-webhooks/standard-webhooks>).
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = b"{\"test\": 2432232314}";

    #[test]
    fn known_answer() {
        let signature = sign(SECRET, ID, 1_614_265_330, BODY).unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn any_right_signature_will_do_and_no_wrong_one() {
        let right = sign(SECRET, ID, 7, BODY).unwrap();
        let check = |header: &str| verify(SECRET, ID, 7, BODY, header).unwrap();
        assert!(check(&right) && check(&format!("v1,bm9wZQ== v2,x {right}")));
        assert!(!check("") && !check("v1,") && !check(&right.replace("v1", "v2")));
        assert!(!verify(SECRET, ID, 8, BODY, &right).unwrap() && !verify(SECRET, ID, 7, b"{}", &right).unwrap());
    }

    #[test]
    fn weak_keys_are_refused_and_not_shown() {
        for secret in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_???"] {
            let error = key(secret).unwrap_err().to_string();
            assert!(secret.len() < 8 || !error.contains(&secret[6..]), "{error}");
        }
    }
}
