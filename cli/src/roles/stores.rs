//! The three stores of a role, as soon as they are up.

use shared::{Result, ports::Stores};
use stores::{Migrated, Urls};

use super::{Post, wait::until_up};

impl Post {
    /// Opens the stores that the settings name, and waits for those that are down.
    ///
    /// # Errors
    /// When a URL cannot be used, or somebody asks the role to end meanwhile.
    pub(super) async fn stores(&self, role: &str) -> Result<Stores> {
        let urls = self.settings.urls()?;
        tell(role, &urls);
        let opened = until_up(role, self.clock.as_ref(), &self.cancel, || open(&urls)).await?;
        tracing::info!("the {role} has its stores");
        Ok(opened)
    }

    /// Brings the ledger's tables up to date, and waits for the ledger while it is down.
    ///
    /// # Errors
    /// When its URL cannot be used, or its tables were made by a later version.
    pub(super) async fn migrated(&self, role: &str) -> Result<Migrated> {
        let urls = self.settings.urls()?;
        until_up(role, self.clock.as_ref(), &self.cancel, || stores::migrate(&urls.ledger)).await
    }
}

/// Opens all three, and asks each whether it answers: some open without looking.
async fn open(urls: &Urls) -> Result<Stores> {
    let stores = stores::open(urls).await?;
    stores.ledger.ping().await?;
    stores.queue.ping().await?;
    stores.blobs.ping().await?;
    Ok(stores)
}

/// A queue inside of one process rings for nobody else.
fn tell(role: &str, urls: &Urls) {
    if urls.queue == "memory:" && role != "farm" {
        tracing::warn!(
            "queue_url is memory:, which rings inside of one process only: the {role} finds its work by looking every few seconds"
        );
    }
}
