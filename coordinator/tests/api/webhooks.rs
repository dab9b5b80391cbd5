//! News that arrive: deliveries to a receiver on this machine, under a clock that the test moves.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use coordinator::{
    Reachable,
    webhooks::{Deliveries, MOST_BODY, TRIES, verify},
};
use serde_json::{Value, json};

use super::harness::Api;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A status, and after how many seconds to come again.
type Said = (u16, Option<u32>);

/// What came, and what is answered next.
#[derive(Clone, Default)]
struct Receiver {
    came: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<Vec<Said>>>,
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    receiver.came.lock().unwrap().push((headers, body));
    let mut answers = receiver.answers.lock().unwrap();
    let (status, after) = if answers.is_empty() { (204, None) } else { answers.remove(0) };
    let mut response = StatusCode::from_u16(status).unwrap().into_response();
    response.headers_mut().insert("location", "/elsewhere".parse().unwrap());
    if let Some(after) = after {
        response.headers_mut().insert("retry-after", after.into());
    }
    response
}

impl Receiver {
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        let router = Router::new().route("/{*path}", post(receive)).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    fn answering(&self, answers: &[Said]) {
        self.answers.lock().unwrap().extend(answers);
    }

    fn count(&self) -> usize {
        self.came.lock().unwrap().len()
    }
}

async fn farm() -> Api {
    Api::with(|settings, _| settings.webhooks = Reachable::Anything).await
}

fn sender(api: &Api, reachable: Reachable) -> Deliveries {
    Deliveries::new(api.stores.ledger.clone(), api.clock.clone(), reachable, 1).unwrap()
}

async fn ordered(api: &Api, url: &str, events: Value) -> String {
    api.job(1, json!({ "webhook": { "url": url, "secret": SECRET, "events": events } })).await
}

async fn deliveries(api: &Api, id: &str) -> Vec<Value> {
    api.get(&format!("/v1/jobs/{id}/deliveries")).await.fine(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn events_arrive_signed_and_once() {
    let (receiver, url) = Receiver::start().await;
    let api = farm().await;
    let id = ordered(&api, &url, json!([])).await;
    api.finish(&id).await;
    let sender = sender(&api, Reachable::Anything);
    while sender.tick().await.unwrap() > 0 {}
    let came = receiver.came.lock().unwrap().clone();
    let mut types = Vec::new();
    for (headers, body) in &came {
        let text = |name: &str| headers[name].to_str().unwrap();
        let seconds: i64 = text("webhook-timestamp").parse().unwrap();
        assert_eq!(seconds, api.now().0 / 1000);
        assert!(verify(SECRET, text("webhook-id"), seconds, body, text("webhook-signature")).unwrap());
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["data"]["job"], id.as_str());
        types.push(body["type"].as_str().unwrap().to_owned());
    }
    types.sort();
    assert_eq!(types, ["job.accepted", "job.completed", "job.started"]);
    let listed = deliveries(&api, &id).await;
    assert!(
        listed.iter().all(|one| one["state"] == "delivered" && one["tries"] == 1 && one["last"] == "answered 204"),
        "{listed:?}"
    );
    assert!(listed.iter().all(|one| one["host"] == "127.0.0.1"));
}

#[tokio::test]
async fn only_wanted_events_are_sent() {
    let (receiver, url) = Receiver::start().await;
    let api = farm().await;
    let id = ordered(&api, &url, json!(["job.completed"])).await;
    api.finish(&id).await;
    assert_eq!(sender(&api, Reachable::Anything).tick().await.unwrap(), 1);
    assert_eq!((receiver.count(), deliveries(&api, &id).await.len()), (1, 1));
}

#[tokio::test]
async fn failures_are_tried_again_over_days_and_then_given_up() {
    let (receiver, url) = Receiver::start().await;
    let api = farm().await;
    let id = ordered(&api, &url, json!(["job.accepted"])).await;
    let sender = sender(&api, Reachable::Anything);
    // A redirect is a failure too: nobody follows it.
    let statuses = [500, 302, 404, 503, 500, 500, 500, 500, 500, 500];
    receiver.answering(&statuses.map(|status| (status, None)));
    let started = api.now();
    for tried in 1..=TRIES as usize {
        assert_eq!(sender.tick().await.unwrap(), 1, "try {tried}");
        assert_eq!(sender.tick().await.unwrap(), 0, "not before its time");
        assert_eq!(receiver.count(), tried);
        if tried < TRIES as usize {
            let one = &deliveries(&api, &id).await[0];
            assert_eq!((one["state"].as_str(), one["tries"].as_u64()), (Some("waiting"), Some(tried as u64)));
            api.clock.advance(Duration::from_secs(110_000));
        }
    }
    assert!(api.now().since(started) > Duration::from_hours(72), "over days");
    let one = &deliveries(&api, &id).await[0];
    assert_eq!(one["state"], "failed");
    assert!(one["last"].as_str().unwrap().contains("given up after 10 tries"), "{one}");
    let ids: Vec<_> = receiver.came.lock().unwrap().iter().map(|(headers, _)| headers["webhook-id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "every try has the same id");

    let path = format!("/v1/jobs/{id}/deliveries/{}/replay", one["id"]);
    let again = api.ask(axum::http::Method::POST, &path, None, None).await.fine(200);
    assert_eq!((again["state"].as_str(), again["tries"].as_u64()), (Some("waiting"), Some(0)));
    assert_eq!(sender.tick().await.unwrap(), 1);
    assert_eq!(deliveries(&api, &id).await[0]["state"], "delivered");
    let none = format!("/v1/jobs/{id}/deliveries/999999/replay");
    api.ask(axum::http::Method::POST, &none, None, None).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_receiver_says_when_to_come_again_or_never() {
    let (receiver, url) = Receiver::start().await;
    let api = farm().await;
    let id = ordered(&api, &url, json!([])).await;
    let sender = sender(&api, Reachable::Anything);
    receiver.answering(&[(429, Some(3600)), (410, None)]);
    sender.tick().await.unwrap();
    api.clock.advance(Duration::from_secs(3599));
    assert_eq!(sender.tick().await.unwrap(), 0, "the receiver asked for an hour");
    api.clock.advance(Duration::from_secs(1));
    assert_eq!(sender.tick().await.unwrap(), 1);
    assert_eq!(deliveries(&api, &id).await[0]["state"], "failed");
    let sent = receiver.count();
    api.finish(&id).await;
    while sender.tick().await.unwrap() > 0 {}
    assert_eq!(receiver.count(), sent, "410 ends all deliveries of the job");
    assert!(deliveries(&api, &id).await.iter().all(|one| one["state"] == "failed"));
}

#[tokio::test]
async fn what_was_answered_410_goes_again_on_request() {
    let (receiver, url) = Receiver::start().await;
    let api = farm().await;
    let id = ordered(&api, &url, json!([])).await;
    let sender = sender(&api, Reachable::Anything);
    receiver.answering(&[(410, None)]);
    api.finish(&id).await;
    while sender.tick().await.unwrap() > 0 {}
    let before = deliveries(&api, &id).await;
    assert!(before.len() == 3 && before.iter().all(|one| one["state"] == "failed"), "{before:?}");
    assert_eq!(receiver.count(), 1);
    // Whichever is asked for: the one that was answered, and one that was spared for it.
    for one in before.iter().rev() {
        let path = format!("/v1/jobs/{id}/deliveries/{}/replay", one["id"]);
        api.ask(axum::http::Method::POST, &path, None, None).await.fine(200);
        assert_eq!(sender.tick().await.unwrap(), 1);
    }
    let after = deliveries(&api, &id).await;
    assert!(after.iter().all(|one| one["state"] == "delivered"), "{after:?}");
    assert_eq!(receiver.count(), 4);
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_nobody_else() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = format!("http://{}/hook", silent.local_addr().unwrap());
    let (receiver, url) = Receiver::start().await;
    let api = farm().await;
    for seed in 1..=40 {
        let webhook = json!({ "url": hanging, "secret": SECRET, "events": ["job.accepted"] });
        api.job(seed, json!({ "webhook": webhook })).await;
    }
    api.clock.advance(Duration::from_millis(1));
    let webhook = json!({ "url": url, "secret": SECRET, "events": ["job.accepted"] });
    let id = api.job(41, json!({ "webhook": webhook })).await;
    let (sender, cancel) = (sender(&api, Reachable::Anything), tokio_util::sync::CancellationToken::new());
    let arrived = async {
        while receiver.count() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        while deliveries(&api, &id).await[0]["state"] != "delivered" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cancel.cancel();
    };
    let both = async { tokio::join!(sender.run(cancel.clone()), arrived) };
    // The silent receiver is waited for twenty seconds.
    tokio::time::timeout(Duration::from_secs(10), both).await.expect("it arrives").0.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_to_inner_addresses() {
    let (receiver, url) = Receiver::start().await;
    let api = farm().await;
    // The order was accepted while inner addresses were allowed; every try judges anew, also what a name resolves to.
    let by_name = url.replace("127.0.0.1", "localhost");
    for (seed, url) in [(1, &url), (2, &by_name)] {
        let webhook = json!({ "url": url, "secret": SECRET, "events": ["job.accepted"] });
        let id = api.job(seed, json!({ "webhook": webhook })).await;
        sender(&api, Reachable::Public).tick().await.unwrap();
        let last = deliveries(&api, &id).await[0]["last"].as_str().unwrap().to_owned();
        assert!(last.contains("is not a public address"), "{last}");
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_large_event_is_sent_without_its_details() {
    let (receiver, url) = Receiver::start().await;
    let api = farm().await;
    let id = ordered(&api, &url, json!(["job.failed"])).await;
    api.fail(&id, "prepare", &shared::Error::order("x".repeat(30_000))).await;
    sender(&api, Reachable::Anything).tick().await.unwrap();
    let came = receiver.came.lock().unwrap().clone();
    assert_eq!(came.len(), 1);
    assert!(came[0].1.len() < MOST_BODY, "{}", came[0].1.len());
    let body: Value = serde_json::from_slice(&came[0].1).unwrap();
    assert_eq!(body["type"], "job.failed");
}
