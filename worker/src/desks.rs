//! The threads that a worker computes on.
//!
//! Allocators keep for every thread what was freed there, and a runtime hands blocking work to whichever of its threads wakes first: the longer
//! a film, the more threads have computed, and the more is kept. Here the thread that was used last is used next, so that an hour of parts
//! takes what one part takes.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
};

use shared::{Error, Result};
use tokio::sync::oneshot;

/// Idle threads that are kept; a task computes on two at a time at most.
const KEPT: usize = 2;
/// Threads that there may be. Whoever has so many has given up work that does not end.
const MOST: usize = 32;

/// Threads at rest, the one used last at the end. They end with it.
#[derive(Default)]
pub(crate) struct Desks {
    idle: Arc<Mutex<Vec<Desk>>>,
    /// One for each thread, and this one.
    threads: Arc<()>,
}

/// A thread at its desk.
#[derive(Clone)]
struct Desk(mpsc::Sender<(Desk, Job)>);

/// Work. It is given the desk, to put it back before anybody is told that the work is done, who may come with the next.
type Job = Box<dyn FnOnce(Desk) + Send>;

impl Desks {
    /// Computes on a thread that does nothing else meanwhile; a panic becomes an error. When the future is dropped, the work goes on until
    /// it looks whether it should.
    ///
    /// # Errors
    /// What `work` says; `World` when it panicked, when the system gives no thread, or when [`MOST`] threads do not come back.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (mut desk, idle, span) = (self.desk()?, Arc::downgrade(&self.idle), tracing::Span::current());
        let (send, receive) = oneshot::channel();
        let mut job: Job = Box::new(move |own| {
            let done = catch_unwind(AssertUnwindSafe(|| span.in_scope(work)));
            if let Some(idle) = idle.upgrade() {
                let mut idle = lock(&idle);
                idle.push(own);
                if idle.len() > KEPT {
                    idle.remove(0);
                }
            }
            // Nobody waits any more when the attempt was given up.
            let _ = send.send(done);
        });
        // A thread ends when it drops a result that nobody took and that panics: then it is another's turn.
        while let Err(mpsc::SendError((_, back))) = desk.0.send((desk.clone(), job)) {
            (desk, job) = (self.desk()?, back);
        }
        let gone = |_| Error::world("a thread for computing is gone");
        receive.await.map_err(gone)?.unwrap_or_else(|panic| Err(broke(panic.as_ref())))
    }

    fn desk(&self) -> Result<Desk> {
        if let Some(desk) = lock(&self.idle).pop() {
            return Ok(desk);
        }
        let alive = Arc::clone(&self.threads);
        if Arc::strong_count(&alive) > MOST + 1 {
            return Err(Error::world(format!("{MOST} threads are at work that nobody waits for any more"))
                .mend("restart the worker; its device may hang"));
        }
        let (desk, jobs) = mpsc::channel::<(Desk, Job)>();
        let thread = thread::Builder::new().name("compute".into()).spawn(move || {
            for (own, job) in &jobs {
                job(own);
            }
            drop(alive);
        });
        thread.map_err(|e| Error::world("the system gives no thread for computing").from_source(e))?;
        Ok(Desk(desk))
    }
}

/// Nothing panics while it holds the lock.
fn lock(idle: &Mutex<Vec<Desk>>) -> MutexGuard<'_, Vec<Desk>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

fn broke(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::world(format!("the work broke: {}", said.unwrap_or("a panic without words")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Barrier, thread::ThreadId, time::Duration};

    async fn whose(desks: &Desks) -> ThreadId {
        desks.run(|| Ok(thread::current().id())).await.unwrap()
    }

    #[tokio::test]
    async fn one_after_the_other_all_are_computed_on_one_thread() {
        let desks = Desks::default();
        let first = whose(&desks).await;
        for _ in 0..100 {
            assert_eq!(whose(&desks).await, first);
        }
        assert_ne!(first, thread::current().id());
    }

    #[tokio::test]
    async fn work_that_waits_for_other_work_gets_a_thread_of_its_own_and_few_are_kept() {
        let (desks, all) = (Desks::default(), Arc::new(Barrier::new(KEPT + 1)));
        let meet = || {
            let all = Arc::clone(&all);
            desks.run(move || {
                all.wait();
                Ok(thread::current().id())
            })
        };
        let (a, b, c) = tokio::join!(meet(), meet(), meet());
        let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
        assert!(a != b && b != c && a != c);
        assert_eq!(lock(&desks.idle).len(), KEPT);
    }

    #[tokio::test]
    async fn threads_that_do_not_come_back_are_bounded() {
        let desks = Desks::default();
        let (go, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let mut given_up = Vec::new();
        for _ in 0..MOST {
            let wait = Arc::clone(&wait);
            let mut work = Box::pin(desks.run(move || {
                // Ends when the test does.
                let _ = wait.lock().map(|wait| wait.recv());
                Ok(())
            }));
            tokio::select! {
                biased;
                _ = &mut work => panic!("the work waits"),
                () = std::future::ready(()) => given_up.push(work),
            }
        }
        let error = desks.run(|| Ok(())).await.unwrap_err();
        assert!(error.to_string().contains("32 threads") && error.mending().is_some(), "{error}");
        // Nobody waits for them, and still they come back.
        given_up.clear();
        drop(go);
        let mut found = desks.run(|| Ok(())).await;
        for _ in 0..3000 {
            if found.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            found = desks.run(|| Ok(())).await;
        }
        found.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_next_work_is_done() {
        let desks = Desks::default();
        let error = desks.run(|| -> Result<()> { panic!("no such frame: {}", 7) }).await.unwrap_err();
        assert!(error.to_string().contains("no such frame: 7"), "{error}");
        assert_eq!(desks.run(|| Ok(3)).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn threads_end_with_the_worker() {
        struct Ends(mpsc::Sender<()>);
        impl Drop for Ends {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        thread_local!(static LAST: std::cell::RefCell<Option<Ends>> = const { std::cell::RefCell::new(None) });
        let (desks, (send, ended)) = (Desks::default(), mpsc::channel());
        desks
            .run(move || {
                LAST.set(Some(Ends(send)));
                Ok(())
            })
            .await
            .unwrap();
        assert!(ended.try_recv().is_err());
        drop(desks);
        ended.recv_timeout(Duration::from_secs(30)).expect("the thread ended");
    }
}
