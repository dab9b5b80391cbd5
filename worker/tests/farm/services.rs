//! The same film on `PostgreSQL`, `RabbitMQ` and an S3-compatible server, whatever happens to them.

use std::time::Duration;

use shared::ports::{Stores, records::Outcome};
use stores::Urls;

use super::{
    house::{House, results},
    live::Live,
};

/// A new database, a new virtual host and a new bucket on the services of this process.
pub(crate) async fn farm_urls() -> Urls {
    let ledger = services::postgres().await.url().await;
    stores::migrate(&ledger).await.unwrap();
    let queue = services::rabbit().await.url().await;
    Urls { ledger, queue, blobs: services::s3().await.url() }
}

async fn open(urls: &Urls) -> Stores {
    stores::open(urls).await.unwrap()
}

/// Two coordinators and two workers make the film while `happens`; then it is the undisturbed one, and every task counts once.
async fn makes_the_film(stores: Stores, happens: impl AsyncFnOnce()) -> Vec<Outcome> {
    let mut live = Live::on(stores);
    live.coordinate(1);
    live.coordinate(2);
    live.work("one");
    live.work("two");
    // Long enough in the middle for something to happen meanwhile.
    *live.script.slow.lock().unwrap() = Some((8, Duration::from_secs(2)));
    let job = live.submit(7).await;
    live.script.began.notified().await;
    happens().await;
    live.done(&job).await;
    let outcomes = live.outcomes(&job).await;
    let undisturbed = House::new().await;
    undisturbed.work(&undisturbed.worker("only")).await;
    assert!(results(&live.stores, &job).await == undisturbed.results().await, "another film");
    live.close().await;
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_farm_makes_the_film_of_one_process() {
    let outcomes = makes_the_film(open(&farm_urls().await).await, async || {}).await;
    assert_eq!(outcomes, [Outcome::Done; 7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_restarted_costs_no_attempt() {
    let rabbit = services::own_rabbit().await;
    let urls = Urls { queue: rabbit.url().await, ..farm_urls().await };
    let outcomes = makes_the_film(open(&urls).await, async || rabbit.restart().await).await;
    assert_eq!(outcomes, [Outcome::Done; 7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_restarted_loses_nothing() {
    let postgres = services::own_postgres().await;
    let urls = Urls { ledger: postgres.url().await, ..farm_urls().await };
    stores::migrate(&urls.ledger).await.unwrap();
    let outcomes = makes_the_film(open(&urls).await, async || postgres.restart().await).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_the_blob_store_on_a_fifth_of_all_calls_change_nothing() {
    let s3 = services::own_s3().await;
    let urls = Urls { blobs: s3.url(), ..farm_urls().await };
    let stores = open(&urls).await;
    s3.weather().seed(7);
    let outcomes = makes_the_film(stores, async || s3.fail_share(0.2)).await;
    s3.fail_share(0.0);
    assert!(s3.weather().failed() > 0, "the weather was fine");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count(), 7);
}
