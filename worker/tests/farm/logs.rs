//! The logs of attempts.

use shared::{
    TaskState,
    log::{Level, Line},
    ports::BlobKey,
};

use super::house::House;

async fn log(house: &House, task: &str, attempt: u32) -> Vec<Line> {
    let id = house.task(task).await.id;
    let prefix = BlobKey::log_prefix(&house.job, &id, attempt);
    let mut lines = Vec::new();
    for key in house.stores.blobs.list(&prefix).await.unwrap() {
        let piece = String::from_utf8(house.stores.blobs.get(&key).await.unwrap()).unwrap();
        lines.extend(piece.lines().map(|line| serde_json::from_str::<Line>(line).unwrap()));
    }
    lines
}

fn messages(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.message.as_str()).collect()
}

#[tokio::test]
async fn a_log_says_who_did_what_and_how_it_ended() {
    let house = House::new().await;
    house.work(&house.worker("only")).await;
    let lines = log(&house, "segment-0-00001", 1).await;
    let clip = ["a clip is rendered", "kept"];
    let expected = ["the attempt begins", clip[0], clip[1], clip[0], clip[1], "kept", "kept", "done"];
    assert_eq!(messages(&lines), expected);
    assert_eq!(lines[0].fields["worker"], "only");
    assert_eq!(lines[0].fields["job"], house.job.as_str());
    assert_eq!(lines[1].fields["frames"], "8..12");
}

#[tokio::test]
async fn the_log_of_a_failed_attempt_stays_when_another_one_is_done() {
    let house = House::new().await;
    *house.script.broken.lock().unwrap() = Some((12, 1));
    let worker = house.worker("only");
    house.work(&worker).await;
    house.clock.advance(std::time::Duration::from_secs(1));
    house.work(&worker).await;
    assert_eq!(house.task("segment-0-00001").await.state, TaskState::Done);
    let failed = log(&house, "segment-0-00001", 1).await;
    let last = failed.last().unwrap();
    assert_eq!((last.message.as_str(), last.level), ("failed", Level::Error));
    assert!(last.fields["error"].as_str().unwrap().contains("frame 12 is not a number"), "{last:?}");
    let done = log(&house, "segment-0-00001", 2).await;
    assert!(messages(&done).contains(&"goes on after the clips that an earlier attempt kept"), "{done:?}");
    let left = house.blobs().await;
    assert!(!left.iter().any(|name| name.starts_with("segment-0-00001/1/")), "its other blobs are gone: {left:?}");
}
