//! Dead letters: what could not be understood, kept with the reason until somebody looks.

use std::sync::Arc;

use lapin::{
    BasicProperties, Channel,
    message::{BasicGetMessage, Delivery},
    options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions, QueuePurgeOptions},
    types::{AMQPValue, FieldTable, LongString},
};
use shared::{Error, Result, ports::queue::DeadLetter};

use super::{
    line::{Line, Open},
    ring::{Taken, publish},
    topology::{DEAD_LETTERS, Place},
};

const REASON: &str = "x-emofarm-reason";
const FROM: &str = "x-emofarm-from";
/// Letters that are shown at once, and bytes of each.
const MOST_SHOWN: u32 = 1000;
const LONGEST_SHOWN: usize = 4096;

/// Puts a message aside. It is settled by the caller after that: a crash in between leaves it twice, never not at all.
pub(super) async fn put_aside(line: &Line, open: &Arc<Open>, delivery: &Delivery, reason: &str) -> Result<()> {
    line.declare(open, &Place::dead_letters()).await?;
    let mut headers = FieldTable::default();
    headers.insert(REASON.into(), AMQPValue::LongString(LongString::from(reason)));
    headers.insert(FROM.into(), AMQPValue::LongString(LongString::from(delivery.routing_key.as_str())));
    let properties = BasicProperties::default().with_delivery_mode(2).with_headers(headers);
    if let [Taken::Kept] = publish(line, open, vec![(DEAD_LETTERS, delivery.data.clone(), properties)]).await?[..] {
        Ok(())
    } else {
        open.forget(&Place::dead_letters());
        Err(Error::world(format!("the queue {DEAD_LETTERS} on {} does not take a dead letter", line.address)))
    }
}

/// Shows some letters; they stay.
pub(super) async fn list(line: &Arc<Line>, limit: u32) -> Result<Vec<DeadLetter>> {
    let open = line.open().await?;
    let channel = at_the_letters(line, &open).await?;
    let mut letters = Vec::new();
    for _ in 0..limit.min(MOST_SHOWN) {
        let Some(message) = next(line, &channel).await? else { break };
        letters.push(show(&message.delivery, letters.len()));
    }
    put_back(line, &channel).await?;
    Ok(letters)
}

/// How many letters there are.
pub(super) async fn number(line: &Arc<Line>) -> Result<u64> {
    let open = line.open().await?;
    let channel = at_the_letters(line, &open).await?;
    Ok(u64::from(count(line, &channel).await?))
}

/// Puts every letter back into the queue that it came from.
pub(super) async fn replay(line: &Arc<Line>) -> Result<u64> {
    let open = line.open().await?;
    let channel = at_the_letters(line, &open).await?;
    let (mut replayed, mut homeless) = (0, 0);
    // As many as there are now: what is still not understood comes back, and would be replayed without end.
    for _ in 0..count(line, &channel).await? {
        let Some(message) = next(line, &channel).await? else { break };
        let (delivery, from) = (&message.delivery, origin(&message.delivery).0);
        let properties = BasicProperties::default().with_delivery_mode(2);
        match publish(line, &open, vec![(from.as_str(), delivery.data.clone(), properties)]).await?[..] {
            [Taken::Kept] => {
                line.answer("settle a dead letter", delivery.ack(BasicAckOptions::default())).await?;
                replayed += 1;
            }
            _ => homeless += 1,
        }
    }
    put_back(line, &channel).await?;
    if homeless > 0 {
        return Err(Error::world(format!(
            "{replayed} dead letters were replayed, {homeless} stay: their queues are full or gone"
        ))
        .mend("try again later, or purge them"));
    }
    Ok(replayed)
}

/// Throws all letters away.
pub(super) async fn purge(line: &Arc<Line>) -> Result<u64> {
    let open = line.open().await?;
    let channel = at_the_letters(line, &open).await?;
    let purge = channel.queue_purge(DEAD_LETTERS.into(), QueuePurgeOptions::default());
    Ok(u64::from(line.answer("purge the dead letters", purge).await?))
}

async fn at_the_letters(line: &Line, open: &Arc<Open>) -> Result<Channel> {
    line.declare(open, &Place::dead_letters()).await?;
    line.channel(open).await
}

async fn next(line: &Line, channel: &Channel) -> Result<Option<BasicGetMessage>> {
    line.answer("read the dead letters", channel.basic_get(DEAD_LETTERS.into(), BasicGetOptions::default())).await
}

async fn count(line: &Line, channel: &Channel) -> Result<u32> {
    let look =
        channel.queue_declare(DEAD_LETTERS.into(), QueueDeclareOptions::durable().passive(), FieldTable::default());
    Ok(line.answer("count the dead letters", look).await?.message_count())
}

/// With the channel goes every claim on what was read from it and not settled.
async fn put_back(line: &Line, channel: &Channel) -> Result<()> {
    line.answer("put the dead letters back", channel.close(200, "read".into())).await
}

fn show(delivery: &Delivery, place: usize) -> DeadLetter {
    let (from, reason) = origin(delivery);
    let body = &delivery.data[..delivery.data.len().min(LONGEST_SHOWN)];
    DeadLetter { id: (place + 1).to_string(), from, reason, body: String::from_utf8_lossy(body).into_owned() }
}

/// The queue that a letter came from and why it did: told by the listener that put it aside, or by the broker
/// (<https://www.rabbitmq.com/docs/dlx#effects>).
fn origin(delivery: &Delivery) -> (String, String) {
    let headers = delivery.properties.headers().clone().unwrap_or_default();
    let ours = |key: &str| headers.inner().get(key).and_then(text);
    if let (Some(from), Some(reason)) = (ours(FROM), ours(REASON)) {
        return (from, reason);
    }
    let death = match headers.inner().get("x-death") {
        Some(AMQPValue::FieldArray(deaths)) => deaths.as_slice().first(),
        _ => None,
    };
    let told = |key: &str| match death {
        Some(AMQPValue::FieldTable(death)) => death.inner().get(key).and_then(text),
        _ => None,
    };
    let why = told("reason").map(|reason| match reason.as_str() {
        "delivery_limit" => "it came back unsettled too often".to_owned(),
        other => format!("the broker put it aside: {other}"),
    });
    (told("queue").unwrap_or_default(), why.unwrap_or_else(|| "it was put here by hand".into()))
}

fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}
