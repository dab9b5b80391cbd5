//! The queues on the broker: their names and what they promise.
//!
//! A queue is declared again with each connection, which does nothing when it is there as it should be. Another promise needs
//! another name, since a broker refuses to change one: that is what `v1` is for.

use lapin::types::{AMQPValue, FieldTable, LongString};
use shared::Route;

use crate::queue::MOST_RINGS;

/// What no listener could understand.
pub(super) const DEAD_LETTERS: &str = "emofarm.v1.dead-letters";
/// Dead letters that are kept; beyond that the oldest go.
pub(super) const MOST_DEAD_LETTERS: i32 = 10_000;
/// How often a ring may come back unsettled, because workers died of it or gave it back, before it is a dead letter.
pub(super) const MOST_DELIVERIES: i32 = 100;

/// A queue on the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rings,
    DeadLetters,
    Wakes,
}

impl Place {
    /// Where the rings of a route wait.
    pub(super) fn of(route: &Route) -> Self {
        Self { name: format!("emofarm.v1.{route}"), kind: Kind::Rings }
    }

    /// Where dead letters are kept.
    pub(super) fn dead_letters() -> Self {
        Self { name: DEAD_LETTERS.into(), kind: Kind::DeadLetters }
    }

    /// Where coordinators wait to be woken.
    pub(super) fn wakes() -> Self {
        Self { name: "emofarm.v1.wake".into(), kind: Kind::Wakes }
    }

    /// Whether its messages become dead letters.
    pub(super) fn has_dead_letters(&self) -> bool {
        self.kind == Kind::Rings
    }

    /// The promises of the queue (<https://www.rabbitmq.com/docs/quorum-queues>), the same on 3.10 and on 4.x.
    pub(super) fn arguments(&self) -> FieldTable {
        let mut table = FieldTable::default();
        let mut text = |key: &str, value: &str| {
            table.insert(key.into(), AMQPValue::LongString(LongString::from(value)));
        };
        match self.kind {
            Kind::Rings => {
                text("x-queue-type", "quorum");
                text("x-overflow", "reject-publish");
                text("x-dead-letter-exchange", "");
                text("x-dead-letter-routing-key", DEAD_LETTERS);
                // The other strategy may lose what it moves.
                text("x-dead-letter-strategy", "at-least-once");
                table.insert("x-max-length".into(), AMQPValue::LongInt(MOST_RINGS as i32));
                table.insert("x-delivery-limit".into(), AMQPValue::LongInt(MOST_DELIVERIES));
            }
            Kind::DeadLetters => {
                text("x-queue-type", "quorum");
                text("x-overflow", "drop-head");
                table.insert("x-max-length".into(), AMQPValue::LongInt(MOST_DEAD_LETTERS));
                // Looking at a letter counts as a delivery, and since 4.0 a queue that says nothing drops it after twenty.
                table.insert("x-delivery-limit".into(), AMQPValue::LongInt(i32::MAX));
            }
            // One wake says as much as many, and a lost one costs a tick of the clock: no need for a quorum.
            Kind::Wakes => {
                text("x-queue-type", "classic");
                text("x-overflow", "drop-head");
                table.insert("x-max-length".into(), AMQPValue::LongInt(1));
            }
        }
        table
    }
}
