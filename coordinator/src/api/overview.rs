//! What the whole farm looks like, for metrics and autoscalers.

use std::time::Duration;

use shared::{
    Result, Timestamp,
    ports::{
        crew::{GONE_AFTER, Hand},
        records::Census,
    },
};

use super::farm::Farm;
use crate::backlog::{Backlog, backlogs};

/// How long the queue may take to say how many dead letters there are; nothing else waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The farm at a moment.
pub(crate) struct Overview {
    /// The moment.
    pub(crate) at: Timestamp,
    /// Jobs and open tasks.
    pub(crate) census: Census,
    /// Every lane and pool with work or workers.
    pub(crate) backlogs: Vec<Backlog>,
    /// Workers heard of lately.
    pub(crate) crew: Vec<Hand>,
    /// Messages that nobody understood; unknown while the queue does not say.
    pub(crate) dead_letters: Option<u64>,
}

impl Overview {
    /// Counts everything.
    ///
    /// # Errors
    /// What the ledger says.
    pub(super) async fn take(farm: &Farm) -> Result<Self> {
        let at = farm.now();
        let census = farm.ledger().census(at).await?;
        let crew = farm.ledger().crew(Timestamp(at.0 - GONE_AFTER.as_millis() as i64)).await?;
        let backlogs = backlogs(&census, &farm.rates().await?, &crew, at);
        let letters = tokio::time::timeout(PATIENCE, farm.stores.queue.count_dead_letters()).await;
        let dead_letters = letters.ok().and_then(|counted| {
            counted.inspect_err(|error| tracing::debug!(%error, "the dead letters cannot be counted")).ok()
        });
        Ok(Self { at, census, backlogs, crew, dead_letters })
    }
}
