//! Hearing: one message at a time from several queues, without keeping any other from other listeners.

use std::{
    sync::{Arc, Mutex as Lock, PoisonError},
    time::Duration,
};

use lapin::options::BasicAckOptions;
use shared::Result;
use tokio::task::JoinHandle;
use tracing::debug;

use super::{
    line::Line,
    topology::Place,
    tray::{Heard, Tray},
    vigil::Vigil,
};

/// Hears messages of some queues.
///
/// Behind it stands a [`Vigil`], a task with a channel of its own that keeps consumers at the queues from one message to the next: asking the broker for
/// new ones with each message costs it more than the message. It lays what comes into a [`Tray`], from where whoever hears takes it. When
/// the ear is dropped the channel goes, and the broker gives everything that is unsettled on it to others.
#[derive(Debug)]
pub(super) struct Ear {
    line: Arc<Line>,
    places: Vec<Place>,
    grace: Duration,
    tray: Arc<Tray>,
    vigil: Lock<Option<JoinHandle<()>>>,
}

impl Ear {
    /// An ear at some queues; nothing is connected yet. A message that nobody hears for `grace` goes back to the broker.
    pub(super) fn new(line: Arc<Line>, places: Vec<Place>, grace: Duration) -> Self {
        Self { line, places, grace, tray: Arc::default(), vigil: Lock::default() }
    }

    /// Waits for a message, and for the broker when that is away. Safe to drop: a message is taken in the moment in which it is returned.
    ///
    /// # Errors
    /// [`Cause::Order`](shared::error::Cause::Order) when the broker refuses us.
    pub(super) async fn hear(&self) -> Result<Heard> {
        self.stand();
        self.tray.take().await
    }

    /// Settles a message. When that does not work, the message comes again.
    ///
    /// Should this be dropped, the broker is told all the same: the word is on its way with the first poll.
    pub(super) async fn settle(&self, heard: Heard) {
        let Some(acker) = heard.acker().cloned() else {
            debug!("a message outlived its connection, and will come again");
            return;
        };
        match self.line.answer("settle", acker.ack(BasicAckOptions::default())).await {
            Ok(true) => {}
            Ok(false) => debug!("a message outlived its channel, and will come again"),
            Err(error) => debug!(%error, "a message could not be settled, and will come again"),
        }
    }

    /// Sees to it that there is a vigil.
    fn stand(&self) {
        let mut vigil = self.vigil.lock().unwrap_or_else(PoisonError::into_inner);
        if vigil.as_ref().is_none_or(JoinHandle::is_finished) {
            let (line, places, tray) = (self.line.clone(), self.places.clone(), self.tray.clone());
            *vigil = Some(tokio::spawn(Vigil { line, places, tray, grace: self.grace }.keep()));
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if let Some(vigil) = self.vigil.lock().unwrap_or_else(PoisonError::into_inner).take() {
            vigil.abort();
        }
    }
}
