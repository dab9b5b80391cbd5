//! What every queue must do.

pub(crate) mod bell;
pub(crate) mod bell_once;
pub(crate) mod broker;
pub(crate) mod mortal;
pub(crate) mod wake;

use std::time::Duration;

use shared::{
    Route, TaskId, TaskKey,
    ports::{Bell, Listener, Queue},
    task::Lane,
};
use stores::queue::{MemoryQueue, RabbitQueue};

/// A keeper under test.
pub(crate) trait Bells {
    /// The queue.
    fn queue(&self) -> &dyn Queue;
    /// How long a ring may take before it counts as not rung where none is expected.
    fn patience(&self) -> Duration;
}

/// The queue in memory.
pub(crate) struct Memory(MemoryQueue);

impl Memory {
    pub(crate) fn fresh() -> impl Future<Output = Self> {
        std::future::ready(Self(MemoryQueue::new()))
    }
}

impl Bells for Memory {
    fn queue(&self) -> &dyn Queue {
        &self.0
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(20)
    }
}

/// A virtual host of the broker that all tests share.
pub(crate) struct Rabbit {
    queue: RabbitQueue,
    url: String,
}

impl Rabbit {
    pub(crate) async fn fresh() -> Self {
        let url = services::rabbit().await.url().await;
        Self { queue: RabbitQueue::new(&url, 1).unwrap(), url }
    }
}

impl Bells for Rabbit {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    /// A loaded machine takes its time.
    fn patience(&self) -> Duration {
        Duration::from_secs(2)
    }
}

/// A broker of its own, which the test may kill.
pub(crate) struct OwnRabbit {
    queue: RabbitQueue,
    broker: services::Rabbit,
}

impl OwnRabbit {
    pub(crate) async fn fresh() -> Self {
        let broker = services::own_rabbit().await;
        let url = broker.url().await;
        Self { queue: RabbitQueue::new(&url, 1).unwrap(), broker }
    }
}

impl Bells for OwnRabbit {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(2)
    }
}

fn render() -> Route {
    Route::plain(Lane::Render)
}

fn stitch() -> Route {
    Route::plain(Lane::Stitch)
}

fn key(n: usize) -> TaskKey {
    TaskKey { job: "0".repeat(32).parse().unwrap(), task: TaskId::from_text(format!("task-{n}")) }
}

async fn ring(bells: &impl Bells, route: &Route, keys: impl IntoIterator<Item = usize>) {
    let rings: Vec<_> = keys.into_iter().map(|n| (route.clone(), key(n))).collect();
    bells.queue().ring(&rings).await.unwrap();
}

async fn listen(bells: &impl Bells, routes: &[Route]) -> Box<dyn Listener> {
    bells.queue().listen(routes).await.unwrap()
}

/// The next ring, unless none comes in time.
async fn now(bells: &impl Bells, listener: &mut dyn Listener) -> Option<Bell> {
    tokio::time::timeout(bells.patience(), listener.next()).await.ok().map(Result::unwrap)
}

/// The next ring where one must come: a broker that shares two cores with all other tests may be long about it.
async fn soon(bells: &impl Bells, listener: &mut dyn Listener) -> Option<Bell> {
    tokio::time::timeout(bells.patience() * 20, listener.next()).await.ok().map(Result::unwrap)
}

/// The next ring where one must come, settled.
async fn comes(bells: &impl Bells, listener: &mut dyn Listener) -> Option<TaskKey> {
    let bell = soon(bells, listener).await?;
    listener.settle(bell.clone()).await.unwrap();
    Some(bell.key)
}

/// The next ring, settled, unless none comes in time.
async fn heard(bells: &impl Bells, listener: &mut dyn Listener) -> Option<TaskKey> {
    let bell = now(bells, listener).await?;
    listener.settle(bell.clone()).await.unwrap();
    Some(bell.key)
}

/// The cases of every queue.
macro_rules! contract {
    ($keeper:path) => {
        crate::suite!(queue on $keeper {
            bell: rings_are_heard_in_order a_ring_wakes_who_waits each_ring_has_one_listener routes_are_separate
                a_listener_hears_several_routes nothing_is_lost_with_a_dropped_wait a_dropped_wait_keeps_nothing_from_others
                who_is_at_work_keeps_no_other_ring what_was_not_settled_rings_again
                whoever_asks_for_the_next_leaves_the_one_before a_listener_goes_on_after_long_work what_was_settled_does_not
                a_full_queue_refuses_and_goes_on nobody_listens_to_nothing;
            wake: a_wake_reaches_who_waits a_wake_waits_for_who_comes many_wakes_are_few each_wake_has_one_coordinator
                a_dropped_wait_loses_no_wake a_queue_that_answers_says_so;
        });
    };
}
pub(crate) use contract;

/// The cases of a queue that knows what waits in it.
macro_rules! deduplicating {
    ($keeper:path) => {
        crate::suite!(queue on $keeper {
            bell_once: a_waiting_task_rings_once;
        });
    };
}
pub(crate) use deduplicating;

/// The cases of a queue that others can write to.
macro_rules! shared_broker {
    ($keeper:path) => {
        crate::suite!(queue on $keeper {
            broker: what_is_no_ring_becomes_a_dead_letter dead_letters_can_be_replayed dead_letters_can_be_purged
                a_ring_that_comes_back_too_often_is_a_dead_letter a_doubled_ring_is_heard_twice
                queues_that_somebody_removed_are_made_again a_queue_with_other_arguments_is_refused_with_a_mend
                a_wrong_password_is_told_without_showing_it a_missing_vhost_is_named thousands_of_rings_are_quick;
        });
    };
}
pub(crate) use shared_broker;

/// The cases of a broker that is killed.
macro_rules! own_broker {
    ($keeper:path) => {
        crate::suite!(queue on $keeper {
            mortal: no_confirmed_ring_is_lost_with_the_broker a_listener_waits_for_a_broker_that_is_away
                a_ring_into_the_void_fails_soon_and_says_where;
        });
    };
}
pub(crate) use own_broker;
