//! The client against a farm that follows a script: connections break, streams end, answers come late.

use std::sync::{Arc, Mutex};

use serde_json::json;
use shared::{JobId, error::Cause};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{Api, Ask, events, fetch::fetch};
use crate::{delivery::Delivery, settings::Settings};

/// A farm that gives these answers, one for each connection, and keeps what it was asked.
async fn farm(answers: Vec<String>) -> (Api, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = Settings::at(&format!("http://{}", listener.local_addr().unwrap()), "emo_test");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut head, mut piece) = (Vec::new(), [0; 4096]);
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                let read = stream.read(&mut piece).await.unwrap();
                head.extend_from_slice(&piece[..read]);
            }
            heard.lock().unwrap().push(String::from_utf8(head).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (Api::new(&settings).unwrap(), asked)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n{body}")
}

fn document(value: &serde_json::Value) -> String {
    let body = value.to_string();
    answer("200 OK", &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()), &body)
}

fn job() -> JobId {
    "0".repeat(32).parse().unwrap()
}

#[tokio::test]
async fn a_request_is_made_again_with_its_key_and_the_token() {
    let busy = answer("503 Service Unavailable", "Retry-After: 0\r\nContent-Length: 0\r\n", "");
    let (api, asked) = farm(vec![busy, document(&json!({ "state": "cancelled" }))]).await;
    let ask = Ask::act(&job(), "cancel").body(json!({ "reason": "x" })).once("key-1");
    assert_eq!(api.json(&ask).await.unwrap()["state"], "cancelled");
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    for request in asked.iter() {
        let lower = request.to_lowercase();
        assert!(
            lower.contains("idempotency-key: key-1") && lower.contains("authorization: bearer emo_test"),
            "{request}"
        );
        assert!(request.starts_with(&format!("POST /v1/jobs/{}/cancel ", job())), "{request}");
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_nobody_there_is_unreachable() {
    let body = r#"{"title":"There is no such thing.","detail":"there is no such job","code":"not_found"}"#;
    let refusal = answer("404 Not Found", &format!("Content-Length: {}\r\n", body.len()), body);
    let (api, asked) = farm(vec![refusal]).await;
    let error = api.json(&Ask::of(&job(), "tasks")).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Order);
    assert_eq!(error.message(), "There is no such thing: there is no such job [not_found]");
    assert_eq!(asked.lock().unwrap().len(), 1);
    let error = api.ready().await.unwrap_err();
    assert_eq!(error.cause(), Cause::Unreachable, "the script is over");
    assert!(error.to_string().contains(&api.place()), "{error}");
}

#[tokio::test]
async fn a_download_that_is_cut_goes_on_where_it_was() {
    let cut = answer("200 OK", "Content-Length: 10\r\n", "01234");
    let rest = answer("206 Partial Content", "Content-Range: bytes 5-9/10\r\nContent-Length: 5\r\n", "56789");
    let (api, asked) = farm(vec![cut, rest]).await;
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mp4");
    let place = Delivery::check(&film, false, &[]).unwrap();
    assert_eq!(fetch(&api, &job(), "film", &place, true).await.unwrap(), 10);
    assert_eq!(std::fs::read(&film).unwrap(), b"0123456789");
    assert!(asked.lock().unwrap()[1].to_lowercase().contains("range: bytes=5-"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside the film");
}

#[tokio::test]
async fn a_download_of_an_earlier_run_is_continued_and_one_without_ranges_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mp4");
    for (answers, wanted) in [
        (vec![answer("206 Partial Content", "Content-Range: bytes 3-5/6\r\nContent-Length: 3\r\n", "def")], "abcdef"),
        (vec![answer("200 OK", "Content-Length: 4\r\n", "wxyz")], "wxyz"),
    ] {
        let (api, _) = farm(answers).await;
        let place = Delivery::check(&film, true, &[]).unwrap();
        let partial = place.partial(&format!("{}-film", &job().as_str()[..12]));
        std::fs::write(&partial, "abc").unwrap();
        fetch(&api, &job(), "film", &place, true).await.unwrap();
        assert_eq!(std::fs::read_to_string(&film).unwrap(), wanted);
    }
}

#[tokio::test]
async fn a_stream_of_events_is_taken_up_after_the_last_one_seen() {
    let stream = |text: &str| answer("200 OK", "Content-Type: text/event-stream\r\n", text);
    let status = |state: &str| document(&json!({ "id": job().to_string(), "state": state }));
    let answers = vec![
        stream("id: 4\nevent: job.started\ndata: {}\n\nid: 5\nevent: task.failed\ndata: {\"half\":"),
        status("running"),
        stream("id: 5\nevent: task.failed\ndata: {}\n\nid: 6\nevent: job.completed\ndata: {}\n\n"),
        status("done"),
    ];
    let (api, asked) = farm(answers).await;
    let mut kinds = Vec::new();
    let ended = events::follow(&api, &job(), &mut |happening| kinds.push(happening.kind.clone())).await.unwrap();
    assert_eq!(ended.state, "done");
    assert_eq!(kinds, ["job.started", "task.failed", "job.completed"]);
    let asked = asked.lock().unwrap();
    assert!(!asked[0].to_lowercase().contains("last-event-id"));
    assert!(asked[2].to_lowercase().contains("last-event-id: 4"), "{}", asked[2]);
}
