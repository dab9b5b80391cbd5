//! A broker, which others can write to and change.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use shared::{error::Cause, ports::Queue as _};
use stores::queue::RabbitQueue;
use tokio::time::timeout;

use super::{Bells as _, Rabbit, comes, key, listen, render, ring};

const QUEUE: &str = "emofarm.v1.render.default.0";

/// Somebody else on the same virtual host.
async fn stranger(rabbit: &Rabbit) -> (Connection, Channel) {
    let connection = Connection::connect(&rabbit.url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

async fn publish(channel: &Channel, body: &[u8]) {
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), QUEUE.into(), options, body, BasicProperties::default());
    sent.await.unwrap().await.unwrap();
}

/// Puts three messages that are no rings among rings, and hears the rings.
async fn some_dead_letters(rabbit: &Rabbit) {
    let mut listener = listen(rabbit, &[render()]).await;
    ring(rabbit, &render(), [1]).await;
    let (_connection, stranger) = stranger(rabbit).await;
    for body in [b"garbage \xff".as_slice(), b"{\"job\":\"00\"}", b""] {
        publish(&stranger, body).await;
    }
    // A stranger's messages are not confirmed; they are there before what follows is.
    tokio::time::sleep(Duration::from_millis(300)).await;
    ring(rabbit, &render(), [2]).await;
    assert_eq!(comes(rabbit, listener.as_mut()).await, Some(key(1)));
    assert_eq!(comes(rabbit, listener.as_mut()).await, Some(key(2)), "a ring behind garbage is heard");
}

pub(crate) async fn what_is_no_ring_becomes_a_dead_letter(rabbit: &Rabbit) {
    assert_eq!(rabbit.queue().dead_letters(10).await.unwrap(), []);
    assert_eq!(rabbit.queue().count_dead_letters().await.unwrap(), 0);
    some_dead_letters(rabbit).await;
    assert_eq!(rabbit.queue().count_dead_letters().await.unwrap(), 3);
    // Looking leaves them where they are, more often than the twenty times that brokers since 4.0 allow by themselves.
    for _ in 0..25 {
        let letters = rabbit.queue().dead_letters(10).await.unwrap();
        assert_eq!(letters.len(), 3);
    }
    let letters = rabbit.queue().dead_letters(2).await.unwrap();
    assert_eq!(letters.len(), 2);
    assert_eq!((letters[0].from.as_str(), letters[0].body.as_str()), (QUEUE, "garbage \u{fffd}"));
    assert!(letters[0].reason.contains("not a ring"), "{}", letters[0].reason);
    assert!(letters[1].reason.contains("missing field") || letters[1].reason.contains("job"), "{}", letters[1].reason);
}

pub(crate) async fn dead_letters_can_be_replayed(rabbit: &Rabbit) {
    some_dead_letters(rabbit).await;
    assert_eq!(rabbit.queue().replay_dead_letters().await.unwrap(), 3);
    assert_eq!(rabbit.queue().dead_letters(10).await.unwrap(), []);
    // They are still no rings, so they come back, while rings go through.
    ring(rabbit, &render(), [3]).await;
    let mut listener = listen(rabbit, &[render()]).await;
    assert_eq!(comes(rabbit, listener.as_mut()).await, Some(key(3)));
    assert_eq!(rabbit.queue().dead_letters(10).await.unwrap().len(), 3);
    // A letter whose queue is gone stays, and the answer says so.
    let (_connection, stranger) = stranger(rabbit).await;
    drop(listener);
    stranger.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
    let error = rabbit.queue().replay_dead_letters().await.unwrap_err().to_string();
    assert!(error.contains("3 stay"), "{error}");
    assert_eq!(rabbit.queue().dead_letters(10).await.unwrap().len(), 3);
}

pub(crate) async fn dead_letters_can_be_purged(rabbit: &Rabbit) {
    assert_eq!(rabbit.queue().purge_dead_letters().await.unwrap(), 0);
    some_dead_letters(rabbit).await;
    assert_eq!(rabbit.queue().purge_dead_letters().await.unwrap(), 3);
    assert_eq!(rabbit.queue().dead_letters(10).await.unwrap(), []);
}

pub(crate) async fn a_ring_that_comes_back_too_often_is_a_dead_letter(rabbit: &Rabbit) {
    ring(rabbit, &render(), [1]).await;
    let (_connection, stranger) = stranger(rabbit).await;
    let mut consumer = stranger
        .basic_consume(QUEUE.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await
        .unwrap();
    let mut times = 0;
    while let Ok(Some(delivery)) = timeout(Duration::from_secs(5), consumer.next()).await {
        delivery.unwrap().nack(BasicNackOptions { requeue: true, ..Default::default() }).await.unwrap();
        times += 1;
        assert!(times <= 1_010, "a ring comes back without end");
    }
    assert_eq!(times, 1_001, "the first delivery and a thousand more");
    drop(consumer);
    let letters = rabbit.queue().dead_letters(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].from.as_str(), letters[0].reason.as_str()), (QUEUE, "it came back unsettled too often"));
    assert_eq!(rabbit.queue().replay_dead_letters().await.unwrap(), 1);
    let mut listener = listen(rabbit, &[render()]).await;
    assert_eq!(comes(rabbit, listener.as_mut()).await, Some(key(1)), "a replayed ring is a ring");
}

pub(crate) async fn a_doubled_ring_is_heard_twice(rabbit: &Rabbit) {
    ring(rabbit, &render(), [1, 1]).await;
    let mut listener = listen(rabbit, &[render()]).await;
    for _ in 0..2 {
        assert_eq!(comes(rabbit, listener.as_mut()).await, Some(key(1)), "the ledger decides, not the queue");
    }
}

pub(crate) async fn queues_that_somebody_removed_are_made_again(rabbit: &Rabbit) {
    let mut listener = listen(rabbit, &[render()]).await;
    ring(rabbit, &render(), [1]).await;
    assert_eq!(comes(rabbit, listener.as_mut()).await, Some(key(1)));
    let (_connection, stranger) = stranger(rabbit).await;
    stranger.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
    ring(rabbit, &render(), [2]).await;
    assert_eq!(
        comes(rabbit, listener.as_mut()).await,
        Some(key(2)),
        "an unroutable ring is not taken for a confirmed one"
    );
    // Once more while somebody waits.
    let removed = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stranger.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
        ring(rabbit, &render(), [3]).await;
    };
    let both = async { tokio::join!(listener.next(), removed) };
    let (bell, ()) = timeout(Duration::from_secs(40), both).await.expect("the listener notices that its queue is gone");
    assert_eq!(bell.unwrap().key, key(3));
}

pub(crate) async fn a_queue_with_other_arguments_is_refused_with_a_mend(rabbit: &Rabbit) {
    let (_connection, stranger) = stranger(rabbit).await;
    stranger.queue_declare(QUEUE.into(), QueueDeclareOptions::durable(), FieldTable::default()).await.unwrap();
    let rung = rabbit.queue().ring(&[(render(), key(1))]).await.unwrap_err();
    let heard = listen(rabbit, &[render()]).await.next().await.unwrap_err();
    for error in [rung, heard] {
        assert_eq!(error.cause(), Cause::Order);
        let text = error.to_string();
        assert!(text.contains(QUEUE) && text.contains("rabbitmqctl delete_queue"), "{text}");
    }
    rabbit.queue().ping().await.expect("the connection is not harmed");
}

pub(crate) async fn a_wrong_password_is_told_without_showing_it(rabbit: &Rabbit) {
    let queue = RabbitQueue::new(&rabbit.url.replace("guest:guest", "guest:s3cret"), 1).unwrap();
    let error = queue.ring(&[(render(), key(1))]).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("check the password of the user guest") && !text.contains("s3cret"), "{text}");
    assert_eq!(queue.ping().await.unwrap_err().cause(), Cause::Unreachable);
}

pub(crate) async fn a_missing_vhost_is_named(rabbit: &Rabbit) {
    let queue = RabbitQueue::new(&format!("{}-not", rabbit.url), 1).unwrap();
    let text = queue.ping().await.unwrap_err().to_string();
    assert!(text.contains("-not") && text.contains("add_vhost"), "{text}");
}

pub(crate) async fn thousands_of_rings_are_quick(rabbit: &Rabbit) {
    let routes: Vec<_> =
        (0..4).map(|n| shared::Route { pool: format!("pool-{n}").parse().unwrap(), ..render() }).collect();
    let rings: Vec<_> = (0..2_000).map(|n| (routes[n % 4].clone(), key(n))).collect();
    let since = Instant::now();
    rabbit.queue().ring(&rings).await.unwrap();
    let took = since.elapsed();
    println!("2,000 rings took {took:?}");
    // One at a time would need 4 s on an idle machine, and far more on a loaded one.
    assert!(took < Duration::from_secs(10), "{took:?}");
}
