//! `emofarm migrate`: the ledger's tables in the form that this version of the program needs.

use shared::Result;
use stores::Migrated;

use crate::{roles, settings::Settings};

/// Migrates the ledger, and waits for it while it is down.
pub(crate) fn run(settings: &Settings, json: bool) -> Result<u8> {
    roles::run(settings, |post| async move {
        let Migrated { before, after } = post.migrated("migration").await?;
        match () {
            () if json => say!("{:#}", serde_json::json!({ "ok": true, "before": before, "after": after })),
            () if before == after => say!("the ledger's tables are up to date: version {after}"),
            () => say!("the ledger's tables are of version {after} now; they were of version {before}"),
        }
        Ok(())
    })
}
