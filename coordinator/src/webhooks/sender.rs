//! The loop that delivers.

use std::{sync::Arc, time::Duration};

use reqwest::Client;
use shared::{
    Clock, Result,
    pace::Pace,
    ports::{
        Books,
        hooks::{Delivery, DeliveryState, GONE},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    flight::Flight,
    post::{Said, TIMEOUT, post},
    waits,
};
use crate::egress::{self, Reachable};

/// Time between two looks that nobody asked for.
const PERIOD: Duration = Duration::from_secs(2);

/// Deliveries taken at a time.
const BATCH: usize = 32;

/// For so long nobody else tries a delivery that was taken; longer than one try lasts.
const HELD: Duration = Duration::from_mins(1);

/// What is recorded of later events for a receiver that wants nothing more.
const SPARED: &str = "not sent: the receiver answered 410 before";

/// Delivers the news of jobs. It keeps nothing, so that any number may run and any may die.
pub struct Deliveries {
    sender: Sender,
    pace: Pace,
}

/// What one try needs.
#[derive(Clone)]
struct Sender {
    ledger: Arc<dyn Books>,
    clock: Arc<dyn Clock>,
    reachable: Reachable,
    client: Client,
}

impl Deliveries {
    /// A loop over this ledger. Loops with different seeds drift apart.
    ///
    /// # Errors
    /// When the machine's TLS cannot be set up.
    pub fn new(ledger: Arc<dyn Books>, clock: Arc<dyn Clock>, reachable: Reachable, seed: u64) -> Result<Self> {
        let client = egress::client(reachable, TIMEOUT)?;
        Ok(Self { sender: Sender { ledger, clock, reachable, client }, pace: Pace::new(PERIOD, seed) })
    }

    /// Delivers until `cancel`: looks for what is due while earlier tries still wait for their receivers. What fails is logged once
    /// until it works again.
    ///
    /// # Errors
    /// None: whatever happens, the next look starts from the ledger again.
    pub async fn run(&self, cancel: CancellationToken) -> Result<()> {
        let (mut pace, mut down, mut flight) = (self.pace.clone(), false, Flight::new());
        while !cancel.is_cancelled() {
            let looked = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                looked = self.look(&mut flight) => looked,
            };
            let more = looked.as_ref().is_ok_and(|taken| *taken > 0);
            let mut told = |result: Result<()>| match result {
                Ok(()) => down = false,
                Err(error) if !down => {
                    tracing::warn!(%error, "webhooks wait for the ledger");
                    down = true;
                }
                Err(_) => {}
            };
            told(looked.map(drop));
            // What was taken may not have been all that is due.
            let wait = if more { Duration::ZERO } else { pace.wait() };
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
                Some(ended) = flight.next() => told(ended),
            }
        }
        Ok(())
    }

    /// Tries what is due, at most one batch and of each job one, and waits for the outcomes; how many there were.
    ///
    /// # Errors
    /// What the ledger says. A delivery whose outcome could not be recorded is tried again: receivers know it by its id.
    pub async fn tick(&self) -> Result<usize> {
        let mut flight = Flight::new();
        let taken = self.look(&mut flight).await?;
        while let Some(ended) = flight.next().await {
            ended?;
        }
        Ok(taken)
    }

    /// Takes what is due, as far as there is room, and starts to try it; how many were taken. What goes to a host that has its share of
    /// tries under way is put off: a receiver that hangs delays its own news only.
    async fn look(&self, flight: &mut Flight) -> Result<usize> {
        let (ledger, now) = (&self.sender.ledger, self.sender.clock.now());
        let room = flight.room().min(BATCH);
        if room == 0 {
            return Ok(0);
        }
        let due = ledger.due(room as u32, now.after(HELD), now).await?;
        let taken = due.len();
        for delivery in due {
            let (id, sender) = (delivery.id, self.sender.clone());
            let url = delivery.webhook.url.clone();
            if !flight.start(&url, async move { sender.one(&delivery).await }) {
                ledger.put_off_delivery(id, now.after(TIMEOUT)).await?;
            }
        }
        Ok(taken)
    }
}

impl Sender {
    async fn one(&self, delivery: &Delivery) -> Result<()> {
        let of_job = self.ledger.deliveries(&delivery.event.job).await?;
        let gone = |other: &Delivery| other.last.as_deref() == Some(GONE) && other.webhook.url == delivery.webhook.url;
        if of_job.iter().any(gone) {
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
