//! The queue of a farm: `RabbitMQ`, version 3.10 or later.
//!
//! Every [`Route`] has a durable quorum queue, made when it is first needed. A broker that is down is nobody's fault: who rings gets an
//! error and may go on, who listens waits until it is back.

mod address;
mod ear;
mod failure;
mod letters;
mod line;
mod message;
mod ring;
mod topology;
mod tray;
mod vigil;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use lapin::{BasicProperties, options::BasicPublishOptions};
use shared::{
    Error, Result, Route, TaskKey,
    ports::{Bell, Listener, Queue, queue::DeadLetter},
};
use tracing::{debug, warn};

use address::Address;
use ear::Ear;
use line::Line;
use topology::Place;
use tray::Heard;

/// A ring that nobody takes up for so long is for another listener.
const GRACE_OF_RINGS: Duration = Duration::from_millis(50);

/// A coordinator is often at its round when the next wake comes, and hears that wake after it.
const GRACE_OF_WAKES: Duration = Duration::from_secs(2);

/// A queue on `RabbitMQ`.
#[derive(Debug)]
pub struct RabbitQueue {
    line: Arc<Line>,
    wakes: Ear,
}

impl RabbitQueue {
    /// The queue at `amqp://user:password@host:port/vhost` (`amqps://` for TLS). Nothing is connected yet: [`Queue::ping`] says whether the
    /// broker answers. `seed` spreads attempts to connect, so that processes do not come back in the same moment.
    ///
    /// # Errors
    /// [`Cause::Order`](shared::error::Cause::Order) when the URL cannot be read; it does not show the password.
    pub fn new(url: &str, seed: u64) -> Result<Self> {
        let line = Arc::new(Line::new(Address::parse(url)?, seed));
        let wakes = Ear::new(line.clone(), vec![Place::wakes()], GRACE_OF_WAKES);
        Ok(Self { line, wakes })
    }
}

#[async_trait]
impl Queue for RabbitQueue {
    async fn ring(&self, rings: &[(Route, TaskKey)]) -> Result<()> {
        ring::ring(&self.line, rings).await
    }

    async fn listen(&self, routes: &[Route]) -> Result<Box<dyn Listener>> {
        if routes.is_empty() {
            return Err(Error::order("a listener needs at least one route"));
        }
        let ear = Ear::new(self.line.clone(), routes.iter().map(Place::of).collect(), GRACE_OF_RINGS);
        Ok(Box::new(RabbitListener { line: self.line.clone(), ear, held: HashMap::new(), tags: 0 }))
    }

    /// Not confirmed: a lost wake costs a tick of the coordinator's clock.
    async fn wake(&self) -> Result<()> {
        let open = self.line.open().await?;
        self.line.declare(&open, &Place::wakes()).await?;
        let (wakes, options) = (Place::wakes(), BasicPublishOptions::default());
        let name = wakes.name.as_str().into();
        let sent = open.hasty.basic_publish("".into(), name, options, b"", BasicProperties::default());
        self.line.answer("wake the coordinators", async { sent.await?.await }).await.map(drop)
    }

    async fn woken(&self) -> Result<()> {
        let heard = self.wakes.hear().await?;
        self.wakes.settle(heard).await;
        Ok(())
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>> {
        letters::list(&self.line, limit).await
    }

    async fn count_dead_letters(&self) -> Result<u64> {
        letters::number(&self.line).await
    }

    async fn replay_dead_letters(&self) -> Result<u64> {
        letters::replay(&self.line).await
    }

    async fn purge_dead_letters(&self) -> Result<u64> {
        letters::purge(&self.line).await
    }

    async fn ping(&self) -> Result<()> {
        let unreachable = |error: Error| {
            Error::unreachable(format!("the queue {} does not answer", self.line.address)).from_source(error)
        };
        let open = self.line.open().await.map_err(unreachable)?;
        // The answer to this comes from the broker, not from what was known of the connection.
        self.line.channel(&open).await.map(drop).map_err(unreachable)
    }
}

struct RabbitListener {
    line: Arc<Line>,
    ear: Ear,
    held: HashMap<u64, Heard>,
    tags: u64,
}

#[async_trait]
impl Listener for RabbitListener {
    async fn next(&mut self) -> Result<Bell> {
        self.held.clear();
        let mut failures = 0;
        loop {
            let heard = self.ear.hear().await?;
            let delivery = heard.delivery();
            let reason = match message::decode(&delivery.data) {
                Ok(key) => {
                    self.tags += 1;
                    self.held.insert(self.tags, heard);
                    return Ok(Bell { key, tag: self.tags });
                }
                Err(reason) => reason,
            };
            warn!(queue = delivery.routing_key.as_str(), reason, "a message is put to the dead letters");
            match letters::put_aside(&self.line, heard.open(), delivery, &reason).await {
                Ok(()) => self.ear.settle(heard).await,
                Err(error) => {
                    // Dropped, it goes back to where it was.
                    drop(heard);
                    failures += 1;
                    debug!(%error, "a dead letter stays where it was");
                    self.line.pause(failures).await;
                }
            }
        }
    }

    async fn settle(&mut self, bell: Bell) -> Result<()> {
        if let Some(heard) = self.held.remove(&bell.tag) {
            self.ear.settle(heard).await;
        }
        Ok(())
    }
}
