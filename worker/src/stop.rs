//! Telling work on other threads to stop, and why.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU64, Ordering},
};

use shared::{Error, Result, ports::Control};

const GOING: u8 = 0;
const STOPPED: u8 = 1;
const LOST: u8 = 2;

/// A flag that long work looks at between its steps, and how many steps there were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    flag: AtomicU8,
    steps: AtomicU64,
}

impl Stop {
    /// Somebody asked for the worker to end. A lease that is lost stays lost.
    pub(crate) fn stop(&self) {
        let _ = self.0.flag.compare_exchange(GOING, STOPPED, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The lease is gone: nothing more may be kept.
    pub(crate) fn lose(&self) {
        self.0.flag.store(LOST, Ordering::SeqCst);
    }

    /// Whether the lease is gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.0.flag.load(Ordering::SeqCst) == LOST
    }

    /// For callbacks of the model and of media, which come before every step.
    pub(crate) fn control(&self) -> Control {
        self.0.steps.fetch_add(1, Ordering::Relaxed);
        if self.0.flag.load(Ordering::SeqCst) == GOING { Control::Continue } else { Control::Stop }
    }

    /// An error of the right cause once work should stop.
    pub(crate) fn check(&self) -> Result<()> {
        match self.0.flag.load(Ordering::SeqCst) {
            GOING => Ok(()),
            LOST => Err(Error::lease_lost("the lease was lost while the task was being made")),
            _ => Err(Error::stopped()),
        }
    }

    /// As [`Stop::check`], after a step of work: something was made, read or kept.
    pub(crate) fn step(&self) -> Result<()> {
        self.0.steps.fetch_add(1, Ordering::Relaxed);
        self.check()
    }

    /// Steps so far.
    pub(crate) fn steps(&self) -> u64 {
        self.0.steps.load(Ordering::Relaxed)
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

    #[test]
    fn steps_are_counted_and_looks_are_not() {
        let stop = Stop::default();
        stop.check().unwrap();
        assert_eq!(stop.steps(), 0);
        stop.step().unwrap();
        stop.control();
        assert_eq!(stop.clone().steps(), 2);
    }
}
