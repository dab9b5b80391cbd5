//! Telling work on other threads to stop, and why.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use shared::{Error, Result, ports::Control};

const GOING: u8 = 0;
const STOPPED: u8 = 1;
const LOST: u8 = 2;

/// A flag that long work looks at between its steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicU8>);

impl Stop {
    /// Somebody asked for the worker to end. A lease that is lost stays lost.
    pub(crate) fn stop(&self) {
        let _ = self.0.compare_exchange(GOING, STOPPED, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The lease is gone: nothing more may be kept.
    pub(crate) fn lose(&self) {
        self.0.store(LOST, Ordering::SeqCst);
    }

    /// Whether the lease is gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.0.load(Ordering::SeqCst) == LOST
    }

    /// For callbacks of the model and of media.
    pub(crate) fn control(&self) -> Control {
        if self.0.load(Ordering::SeqCst) == GOING { Control::Continue } else { Control::Stop }
    }

    /// An error of the right cause once work should stop.
    pub(crate) fn check(&self) -> Result<()> {
        match self.0.load(Ordering::SeqCst) {
            GOING => Ok(()),
            LOST => Err(Error::lease_lost("the lease was lost while the task was being made")),
            _ => Err(Error::stopped()),
        }
    }

    /// Stops the work when it goes out of scope: threads notice that the future which waited for them was dropped.
    pub(crate) fn on_drop(&self) -> StopOnDrop {
        StopOnDrop(self.clone())
    }
}

/// See [`Stop::on_drop`].
pub(crate) struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::error::Cause;

    #[test]
    fn a_lost_lease_outranks_a_stop() {
        let stop = Stop::default();
        assert!(stop.check().is_ok() && stop.control() == Control::Continue);
        drop(stop.on_drop());
        assert_eq!(stop.check().unwrap_err().cause(), Cause::Stopped);
        stop.lose();
        stop.stop();
        assert_eq!(stop.check().unwrap_err().cause(), Cause::LeaseLost);
        assert!(stop.is_lost() && stop.control() == Control::Stop);
    }
}
