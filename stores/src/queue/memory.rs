//! The queue of a process that does everything itself.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use shared::{
    Error, Result, TaskKey,
    ports::{Bell, Listener, Queue},
    task::Lane,
};
use tokio::sync::Notify;

/// Rings that wait in a lane before further ones are dropped; the coordinator's sweep rings again.
pub const MOST_RINGS: usize = 1024;

/// A queue in memory: bounded, without duplicates, first come, first served over the lanes of a listener.
#[derive(Clone, Default)]
pub struct MemoryQueue {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    lanes: Mutex<Lanes>,
    rung: Notify,
}

#[derive(Default)]
struct Lanes {
    waiting: BTreeMap<Lane, Waiting>,
    rings: u64,
}

#[derive(Default)]
struct Waiting {
    bells: VecDeque<Bell>,
    keys: HashSet<TaskKey>,
}

impl MemoryQueue {
    /// A queue in which nothing rings yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Inner {
    /// No code panics while it holds the lock, and every change is complete before it is let go.
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn ring(&mut self, lane: Lane, key: &TaskKey) -> bool {
        let waiting = self.waiting.entry(lane).or_default();
        if waiting.bells.len() >= MOST_RINGS || !waiting.keys.insert(key.clone()) {
            return false;
        }
        waiting.bells.push_back(Bell { key: key.clone(), tag: self.rings });
        self.rings += 1;
        true
    }

    /// The bell that waited longest in any of `lanes`.
    fn take(&mut self, lanes: &[Lane]) -> Option<(Lane, Bell)> {
        let first = |lane: &Lane| Some((self.waiting.get(lane)?.bells.front()?.tag, *lane));
        let (_, lane) = lanes.iter().filter_map(first).min()?;
        let waiting = self.waiting.get_mut(&lane)?;
        let bell = waiting.bells.pop_front()?;
        waiting.keys.remove(&bell.key);
        Some((lane, bell))
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn ring(&self, lane: Lane, key: &TaskKey) -> Result<()> {
        if self.inner.lock().ring(lane, key) {
            self.inner.rung.notify_waiters();
        }
        Ok(())
    }

    async fn listen(&self, lanes: &[Lane]) -> Result<Box<dyn Listener>> {
        if lanes.is_empty() {
            return Err(Error::order("a listener needs at least one lane"));
        }
        Ok(Box::new(MemoryListener { inner: self.inner.clone(), lanes: lanes.to_vec(), unsettled: Vec::new() }))
    }
}

struct MemoryListener {
    inner: Arc<Inner>,
    lanes: Vec<Lane>,
    unsettled: Vec<(Lane, Bell)>,
}

#[async_trait]
impl Listener for MemoryListener {
    async fn next(&mut self) -> Result<Bell> {
        loop {
            // Made before looking: `notify_waiters` wakes every wait that exists, polled or not, so a ring between the
            // look and the wait is not missed.
            let rung = self.inner.rung.notified();
            let taken = self.inner.lock().take(&self.lanes);
            if let Some((lane, bell)) = taken {
                self.unsettled.push((lane, bell.clone()));
                return Ok(bell);
            }
            rung.await;
        }
    }

    async fn settle(&mut self, bell: Bell) -> Result<()> {
        self.unsettled.retain(|(_, held)| held.tag != bell.tag);
        Ok(())
    }
}

impl Drop for MemoryListener {
    /// What was taken and not looked at rings for somebody else.
    fn drop(&mut self) {
        if self.unsettled.is_empty() {
            return;
        }
        let mut lanes = self.inner.lock();
        for (lane, bell) in self.unsettled.drain(..) {
            lanes.ring(lane, &bell.key);
        }
        drop(lanes);
        self.inner.rung.notify_waiters();
    }
}
