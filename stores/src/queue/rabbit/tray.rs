//! Where a vigil lays a message down and whoever hears takes it up.

use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};

use lapin::{Acker, message::Delivery};
use shared::Result;
use tokio::sync::Notify;

use super::line::Open;

/// Holds one message, or the reason why none will come.
#[derive(Debug, Default)]
pub(super) struct Tray {
    state: Lock<State>,
    /// Something was laid down.
    laid: Notify,
    /// Somebody waits, or took, or is done: news for the vigil.
    touched: Notify,
}

#[derive(Debug, Default)]
struct State {
    lies: Option<Result<Letter>>,
    waiting: usize,
    mood: Mood,
    returned: Vec<Acker>,
    /// Channels that are gone. Numbers of channels and messages are used again, so nothing may be said of messages of an earlier one.
    gone: u64,
}

/// What the owner of the ear is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mood {
    /// Messages that were taken and are neither settled nor returned yet.
    pub(super) at_work: usize,
    /// Messages that were ever taken.
    pub(super) taken: u64,
}

/// A message and the connection that it came on.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) delivery: Delivery,
    pub(super) open: Arc<Open>,
}

/// A message in the hands of whoever heard it. Dropped unsettled, it goes back to its queue.
#[derive(Debug)]
pub(super) struct Heard {
    letter: Letter,
    tray: Arc<Tray>,
    gone: u64,
}

impl Heard {
    /// The message.
    pub(super) fn delivery(&self) -> &Delivery {
        &self.letter.delivery
    }

    /// What settles it, as long as its channel is there.
    pub(super) fn acker(&self) -> Option<&Acker> {
        (self.tray.state().gone == self.gone).then_some(&self.letter.delivery.acker)
    }

    /// The connection that it came on.
    pub(super) fn open(&self) -> &Arc<Open> {
        &self.letter.open
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let (mut state, acker) = (self.tray.state(), &self.letter.delivery.acker);
        state.mood.at_work -= 1;
        if state.gone == self.gone && acker.usable() {
            state.returned.push(acker.clone());
        }
        drop(state);
        self.tray.touched.notify_one();
    }
}

/// Somebody who waits; no longer when this is dropped.
struct Waiting<'a>(&'a Tray);

impl<'a> Waiting<'a> {
    fn at(tray: &'a Tray) -> Self {
        tray.state().waiting += 1;
        tray.touched.notify_one();
        Self(tray)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

impl Tray {
    /// No code panics while it holds the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something lies here and takes it. Safe to drop: what is not returned stays.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Heard> {
        let _waiting = Waiting::at(self);
        loop {
            // Made before looking: what is laid down between the look and the wait is not missed.
            let laid = self.laid.notified();
            if let Some(found) = self.pick() {
                return found;
            }
            laid.await;
        }
    }

    fn pick(self: &Arc<Self>) -> Option<Result<Heard>> {
        let mut state = self.state();
        let found = state.lies.take()?;
        if found.is_ok() {
            state.mood.at_work += 1;
            state.mood.taken += 1;
        }
        let gone = state.gone;
        drop(state);
        self.touched.notify_one();
        Some(found.map(|letter| Heard { letter, tray: self.clone(), gone }))
    }

    /// Lays something down, unless something lies here already or somebody is at work: then it is given back.
    pub(super) fn lay(&self, letter: Letter) -> Option<Letter> {
        let mut state = self.state();
        if state.lies.is_some() || state.mood.at_work > 0 {
            return Some(letter);
        }
        state.lies = Some(Ok(letter));
        drop(state);
        self.laid.notify_waiters();
        None
    }

    /// Says why nothing will come.
    pub(super) fn refuse(&self, error: shared::Error) {
        self.state().lies = Some(Err(error));
        self.laid.notify_waiters();
    }

    /// Takes a message away that nobody waits for.
    pub(super) fn unwanted(&self) -> Option<Letter> {
        let mut state = self.state();
        if state.waiting > 0 {
            return None;
        }
        state.lies.take()?.ok()
    }

    /// A channel is gone, and its messages come again.
    pub(super) fn channel_is_gone(&self) {
        let mut state = self.state();
        (state.lies, state.gone) = (None, state.gone + 1);
        state.returned.clear();
    }

    /// Messages that were dropped unsettled.
    pub(super) fn returned(&self) -> Vec<Acker> {
        std::mem::take(&mut self.state().returned)
    }

    /// Whether something lies here.
    pub(super) fn is_full(&self) -> bool {
        self.state().lies.is_some()
    }

    /// Whether somebody waits for a message that has not come.
    pub(super) fn is_wanted(&self) -> bool {
        let state = self.state();
        state.waiting > 0 && state.lies.is_none() && state.mood.at_work == 0
    }

    /// What the owner is at.
    pub(super) fn mood(&self) -> Mood {
        self.state().mood
    }

    /// Waits until somebody did something here.
    pub(super) async fn touched(&self) {
        self.touched.notified().await;
    }
}
