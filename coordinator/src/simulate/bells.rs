//! A queue that hands its rings to the simulation.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use shared::{
    Error, Result, Route, TaskKey,
    ports::{Listener, Queue, queue::DeadLetter},
};

/// Rings that the sweep rang and the simulation has not delivered yet.
#[derive(Default)]
pub(super) struct Bells {
    rung: Mutex<Vec<(Route, TaskKey)>>,
}

impl Bells {
    /// Everything that was rung for since the last call, in order.
    pub(super) fn rung(&self) -> Vec<(Route, TaskKey)> {
        std::mem::take(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Simulated workers listen to the simulation, which knows when a ring would reach them.
fn nobody_listens() -> Error {
    Error::world("nobody listens to the bells of a simulation")
}

#[async_trait]
impl Queue for Bells {
    async fn ring(&self, rings: &[(Route, TaskKey)]) -> Result<()> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(rings);
        Ok(())
    }

    async fn listen(&self, _: &[Route]) -> Result<Box<dyn Listener>> {
        Err(nobody_listens())
    }

    async fn wake(&self) -> Result<()> {
        Ok(())
    }

    async fn woken(&self) -> Result<()> {
        Err(nobody_listens())
    }

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
