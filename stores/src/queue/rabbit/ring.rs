//! Ringing: messages that the broker confirms, many on the way at once.

use std::sync::Arc;

use lapin::{BasicProperties, Confirmation, options::BasicPublishOptions};
use shared::{Error, Result, Route, TaskKey};
use tokio::time::timeout;
use tracing::debug;

use super::{
    failure,
    line::{ANSWER, Line, Open},
    message,
    topology::Place,
};

/// Rings on the way at once. A confirmation takes 2 ms, so one at a time would be slow; all at once could overrun a queue's bound.
const ON_THE_WAY: usize = 64;

/// What the broker did with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It keeps it.
    Kept,
    /// The queue is full.
    Refused,
    /// There is no such queue. The broker *acknowledges* such a message, and returns it.
    Unroutable,
}

/// Rings for all of `rings`.
pub(super) async fn ring(line: &Arc<Line>, rings: &[(Route, TaskKey)]) -> Result<()> {
    let mut refused = 0;
    for some in rings.chunks(ON_THE_WAY) {
        let mut left: Vec<(Place, &TaskKey)> = some.iter().map(|(route, key)| (Place::of(route), key)).collect();
        // Twice, because a queue that somebody removed is made again.
        for _ in 0..2 {
            let open = line.open().await?;
            for (place, _) in &left {
                line.declare(&open, place).await?;
            }
            let letters =
                left.iter().map(|(place, key)| (place.name.as_str(), message::encode(key), message::properties(key)));
            let taken = publish(line, &open, letters.collect()).await?;
            refused += taken.iter().filter(|taken| **taken == Taken::Refused).count();
            let mut fates = taken.into_iter();
            left.retain(|_| fates.next() == Some(Taken::Unroutable));
            for (place, _) in &left {
                open.is_removed(place);
            }
            if left.is_empty() {
                break;
            }
        }
        if let Some((place, _)) = left.first() {
            return Err(Error::world(format!(
                "the queue {} on {} is removed again and again",
                place.name, line.address
            )));
        }
    }
    if refused > 0 {
        debug!(refused, "the queue is full; the coordinator rings again later");
    }
    Ok(())
}

/// Publishes some messages and waits until the broker has said of each what it did with it.
pub(super) async fn publish(
    line: &Line,
    open: &Arc<Open>,
    letters: Vec<(&str, Vec<u8>, BasicProperties)>,
) -> Result<Vec<Taken>> {
    let all = async {
        let mut confirmations = Vec::with_capacity(letters.len());
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        for (queue, body, properties) in letters {
            let sent = open.confirmed.basic_publish("".into(), queue.into(), options, &body, properties);
            confirmations.push(sent.await?);
        }
        let mut taken = Vec::with_capacity(confirmations.len());
        for confirmation in confirmations {
            taken.push(match confirmation.await? {
                Confirmation::Ack(None) => Taken::Kept,
                Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => Taken::Unroutable,
                Confirmation::Nack(None) | Confirmation::NotRequested => Taken::Refused,
            });
        }
        Ok(taken)
    };
    let outcome = match timeout(ANSWER, all).await {
        Ok(outcome) => outcome.map_err(|e| line.failed("ring", &e)),
        Err(_) => Err(failure::silent(&line.address, "ring", ANSWER)),
    };
    if outcome.is_err() {
        // What was on the way is lost, and so may be what comes after it.
        line.give_up(open);
    }
    outcome
}
