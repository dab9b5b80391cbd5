//! The queue of a process that does everything itself.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use shared::{
    Error, Result, Route, TaskKey,
    ports::{Bell, Listener, Queue, queue::DeadLetter},
};
use tokio::sync::Notify;

/// Rings that wait on a route before further ones are dropped; the coordinator rings again.
pub const MOST_RINGS: usize = 1024;

/// A queue in memory: bounded, without duplicates, first come, first served over the routes of a listener.
#[derive(Clone, Default)]
pub struct MemoryQueue {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    routes: Mutex<Routes>,
    rung: Notify,
    woken: Notify,
}

#[derive(Default)]
struct Routes {
    waiting: BTreeMap<Route, Waiting>,
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
    fn lock(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Routes {
    fn ring(&mut self, route: &Route, key: &TaskKey) -> bool {
        let waiting = self.waiting.entry(route.clone()).or_default();
        if waiting.bells.len() >= MOST_RINGS || !waiting.keys.insert(key.clone()) {
            return false;
        }
        waiting.bells.push_back(Bell { key: key.clone(), tag: self.rings });
        self.rings += 1;
        true
    }

    /// The bell that waited longest on any of `routes`.
    fn take(&mut self, routes: &[Route]) -> Option<(Route, Bell)> {
        let first = |route| Some((self.waiting.get(route)?.bells.front()?.tag, route));
        let (_, route) = routes.iter().filter_map(first).min()?;
        let waiting = self.waiting.get_mut(route)?;
        let bell = waiting.bells.pop_front()?;
        waiting.keys.remove(&bell.key);
        Some((route.clone(), bell))
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn ring(&self, rings: &[(Route, TaskKey)]) -> Result<()> {
        let mut routes = self.inner.lock();
        let rung = rings.iter().fold(false, |rung, (route, key)| routes.ring(route, key) || rung);
        drop(routes);
        if rung {
            self.inner.rung.notify_waiters();
        }
        Ok(())
    }

    async fn listen(&self, routes: &[Route]) -> Result<Box<dyn Listener>> {
        if routes.is_empty() {
            return Err(Error::order("a listener needs at least one route"));
        }
        Ok(Box::new(MemoryListener { inner: self.inner.clone(), routes: routes.to_vec(), unsettled: Vec::new() }))
    }

    async fn wake(&self) -> Result<()> {
        self.inner.woken.notify_one();
        Ok(())
    }

    async fn woken(&self) -> Result<()> {
        self.inner.woken.notified().await;
        Ok(())
    }

    /// Always none: a ring in memory is never a message that somebody else wrote.
    async fn dead_letters(&self, _: u32) -> Result<Vec<DeadLetter>> {
        Ok(Vec::new())
    }

    async fn count_dead_letters(&self) -> Result<u64> {
        Ok(0)
    }

    async fn replay_dead_letters(&self) -> Result<u64> {
        Ok(0)
    }

    async fn purge_dead_letters(&self) -> Result<u64> {
        Ok(0)
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

struct MemoryListener {
    inner: Arc<Inner>,
    routes: Vec<Route>,
    unsettled: Vec<(Route, Bell)>,
}

#[async_trait]
impl Listener for MemoryListener {
    async fn next(&mut self) -> Result<Bell> {
        self.leave();
        loop {
            // Made before looking: `notify_waiters` wakes every wait that exists, polled or not, so a ring between the
            // look and the wait is not missed.
            let rung = self.inner.rung.notified();
            let taken = self.inner.lock().take(&self.routes);
            if let Some((route, bell)) = taken {
                self.unsettled.push((route, bell.clone()));
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

impl MemoryListener {
    /// What was taken and not looked at rings for somebody else.
    fn leave(&mut self) {
        if self.unsettled.is_empty() {
            return;
        }
        let mut routes = self.inner.lock();
        for (route, bell) in self.unsettled.drain(..) {
            routes.ring(&route, &bell.key);
        }
        drop(routes);
        self.inner.rung.notify_waiters();
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.leave();
    }
}
