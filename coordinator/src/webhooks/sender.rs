//! The loop that delivers.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use reqwest::Client;
use shared::{
    Clock, Result,
    pace::Pace,
    ports::{
        Books,
        hooks::{Delivery, DeliveryState},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    post::{Said, post},
    waits,
};
use crate::egress::{self, Reachable};

/// Time between two looks that nobody asked for.
const PERIOD: Duration = Duration::from_secs(2);

/// Deliveries taken at a time, all tried at once.
const BATCH: u32 = 32;

/// For so long nobody else tries a delivery that was taken; longer than one try lasts.
const HELD: Duration = Duration::from_mins(1);

/// How slow a receiver may be.
const READ: Duration = Duration::from_secs(20);

/// What is recorded of a receiver that wants nothing more.
const GONE: &str = "answered 410";

/// What is recorded of later events for such a receiver.
const SPARED: &str = "not sent: the receiver answered 410 before";

/// Delivers the news of jobs. It keeps nothing, so that any number may run and any may die.
pub struct Deliveries {
    ledger: Arc<dyn Books>,
    clock: Arc<dyn Clock>,
    reachable: Reachable,
    client: Client,
    pace: Pace,
}

impl Deliveries {
    /// A loop over this ledger. Loops with different seeds drift apart.
    ///
    /// # Errors
    /// When the machine's TLS cannot be set up.
    pub fn new(ledger: Arc<dyn Books>, clock: Arc<dyn Clock>, reachable: Reachable, seed: u64) -> Result<Self> {
        let client = egress::client(reachable, READ)?;
        Ok(Self { ledger, clock, reachable, client, pace: Pace::new(PERIOD, seed) })
    }

    /// Delivers until `cancel`. What fails is logged once until it works again.
    ///
    /// # Errors
    /// None: whatever happens, the next look starts from the ledger again.
    pub async fn run(&self, cancel: CancellationToken) -> Result<()> {
        let (mut pace, mut down) = (self.pace.clone(), false);
        while !cancel.is_cancelled() {
            let tried = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                tried = self.tick() => tried,
            };
            match tried {
                // A full batch means that more may be due.
                Ok(tried) if tried >= BATCH as usize => continue,
                Ok(_) => down = false,
                Err(error) if !down => {
                    tracing::warn!(%error, "webhooks wait for the ledger");
                    down = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = tokio::time::sleep(pace.wait()) => {}
            }
        }
        Ok(())
    }

    /// Tries everything that is due, at most one batch; how many there were.
    ///
    /// # Errors
    /// What the ledger says. A delivery whose outcome could not be recorded is tried again: receivers know it by its id.
    pub async fn tick(&self) -> Result<usize> {
        let now = self.clock.now();
        let due = self.ledger.due(BATCH, now.after(HELD), now).await?;
        let tries: Vec<_> = due.iter().map(|delivery| self.one(delivery)).collect();
        let mut settled = stream::iter(tries).buffer_unordered(BATCH as usize);
        while let Some(result) = settled.next().await {
            result?;
        }
        Ok(due.len())
    }

    async fn one(&self, delivery: &Delivery) -> Result<()> {
        let of_job = self.ledger.deliveries(&delivery.event.job).await?;
        if of_job.iter().any(|other| other.last.as_deref() == Some(GONE) && other.webhook.url == delivery.webhook.url) {
            let now = self.clock.now();
            return self.ledger.settle_delivery(delivery.id, DeliveryState::Failed, now, SPARED).await;
        }
        let said = post(&self.client, delivery, self.reachable, self.clock.now()).await;
        let now = self.clock.now();
        let (state, next, text) = match said {
            Said::Taken(text) => (DeliveryState::Delivered, now, text),
            Said::Gone => (DeliveryState::Failed, now, GONE.to_owned()),
            Said::Failed(text, asked) => match waits::wait(delivery.tries + 1, delivery.id, asked) {
                Some(wait) => (DeliveryState::Waiting, now.after(wait), text),
                None => (DeliveryState::Failed, now, format!("{text}; given up after {} tries", waits::TRIES)),
            },
        };
        metrics::counter!("emofarm_webhook_deliveries_total", "outcome" => state.name()).increment(1);
        self.ledger.settle_delivery(delivery.id, state, next, &text).await
    }
}
