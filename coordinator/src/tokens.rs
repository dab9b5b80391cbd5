//! Bearer tokens: made once, shown once, kept as digests.

use base64::Engine as _;
use shared::{
    Clock, Name, Result, Timestamp,
    digest::sha256,
    ports::{
        Access,
        access::{Role, Token},
    },
};

/// What every token begins with, so that scanners find one that leaked.
pub const PREFIX: &str = "emo_";

/// A token that was just made; the only moment at which its text is known.
pub struct Issued {
    /// What the client sends after `Bearer`. It is kept nowhere.
    pub text: String,
    /// What the ledger keeps.
    pub token: Token,
}

/// Makes a token of 32 random bytes for `by` and keeps its digest.
///
/// # Errors
/// What the ledger says.
pub async fn issue(
    access: &dyn Access,
    by: &str,
    tenant: Name,
    role: Role,
    note: String,
    expires: Option<Timestamp>,
    clock: &dyn Clock,
) -> Result<Issued> {
    let random = crate::chance::bytes::<32>()?;
    let text = format!("{PREFIX}{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random));
    let sha256 = digest(&text);
    // The name is made of the digest, not of the token: it may stand in logs.
    let id = format!("tok-{}", &sha256[..12]);
    let token = Token { id, sha256, tenant, role, note, made: clock.now(), expires };
    access.add_token(&token, by).await?;
    Ok(Issued { text, token })
}

/// What the ledger knows a token by.
pub fn digest(text: &str) -> String {
    sha256(text.as_bytes())
}
