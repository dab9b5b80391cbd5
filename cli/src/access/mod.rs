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
