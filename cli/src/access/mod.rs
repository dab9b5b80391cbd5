//! `emofarm token` and `emofarm tenant`: who may ask, and what they are entitled to, directly in the ledger.

mod tenants;
mod tokens;

pub(crate) use tenants::run as tenant;
pub(crate) use tokens::run as token;

use std::sync::Arc;

use shared::{Result, ports::Books};

use crate::settings::Settings;

/// The ledger that the settings name; it must be up.
async fn ledger(settings: &Settings) -> Result<Arc<dyn Books>> {
    let ledger = stores::open_ledger(&settings.urls()?.ledger).await?;
    ledger.ping().await?;
    Ok(ledger)
}

/// Who types this, for the audit: `cli:` and the user's name. It is what the user's environment says; whoever may write the ledger needs no
/// better name to change it.
fn who() -> String {
    let name =
        ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    named(name.as_deref().unwrap_or("unknown"))
}

fn named(user: &str) -> String {
    let plain: String = user.chars().filter(|c| !c.is_control()).take(60).collect();
    format!("cli:{plain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_audit_are_short_and_plain() {
        assert_eq!(named("anna"), "cli:anna");
        assert_eq!(named(&format!("a\n{}", "b".repeat(90))).len(), 4 + 60);
    }
}
