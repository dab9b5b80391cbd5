//! Films that are watched while they are made.

use serde_json::json;
use shared::ports::BlobKey;

use super::harness::Api;

fn names(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| !line.starts_with('#')).collect()
}

#[tokio::test]
async fn the_playlist_grows_with_the_film_and_ends_with_it() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    let place = format!("/v1/jobs/{id}/watch.m3u8");
    let early = api.get(&place).await;
    early.refused(404, "not_made_yet");
    assert_eq!(early.header("retry-after"), "5");
    for task in ["prepare", "segment-0-00000", "segment-0-00001", "segment-0-00002", "segment-0-00003"] {
        api.work(&id, task, 1).await;
    }
    // A part whose predecessor is missing is not shown yet.
    api.work(&id, "part-00001", 1).await;
    api.get(&place).await.refused(404, "not_made_yet");
    api.get(&format!("/v1/jobs/{id}/watch/part-00001.m4s")).await.refused(404, "not_made_yet");
    api.work(&id, "part-00000", 1).await;
    let growing = api.get(&place).await;
    assert_eq!(growing.header("content-type"), "application/vnd.apple.mpegurl");
    assert_eq!(names(&growing.text()), ["watch/part-00000.m4s", "watch/part-00001.m4s"]);
    assert!(!growing.text().contains("#EXT-X-ENDLIST"), "{}", growing.text());
    api.work(&id, "film", 1).await;
    let whole = api.get(&place).await.text();
    assert_eq!(whole, growing.text() + "#EXT-X-ENDLIST\n");
    let target: u64 =
        whole.lines().find_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:")).unwrap().parse().unwrap();
    let lengths =
        whole.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(',')?.parse::<f64>().ok());
    let all: f64 = lengths.inspect(|length| assert!(*length <= target as f64)).sum();
    assert!((all - 1.0).abs() < 1e-6, "{all} s of a film of one second");
}

#[tokio::test]
async fn fragments_are_made_once_with_pictures_and_sound() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    let job = id.parse().unwrap();
    api.finish(&id).await;
    // What `prepare` keeps beside the features.
    let (sound, audio) = (shared::TaskId::from_text("sound"), api.dir.path().join("speech.wav"));
    std::fs::write(&audio, super::material::track(8000)).unwrap();
    let runs = [shared::Frames::new(0, 25)].into_iter();
    let mut pieces = Vec::new();
    media::film::cut_sound(&audio, api.dir.path(), shared::Fps::PAL, runs, &|| false, |_, piece| {
        pieces.push(std::fs::read(piece).unwrap());
        Ok(())
    })
    .unwrap();
    let key = BlobKey::made(&job, &sound, 1, "sound-00000.mp4").unwrap();
    api.stores.blobs.put(&key, &pieces[0]).await.unwrap();
    let get = async |name: &str| {
        let reply = api.get(&format!("/v1/jobs/{id}/watch/{name}")).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "video/mp4"), "{}", reply.text());
        reply.bytes
    };
    let (head, first) = (get("init.mp4").await, get("part-00000.m4s").await);
    assert_eq!((&head[4..8], &first[4..8]), (&b"ftyp"[..], &b"moof"[..]));
    let stream = api.dir.path().join("stream.mp4");
    std::fs::write(&stream, [head.clone(), first.clone()].concat()).unwrap();
    assert_eq!(media::film::decode(&stream, |_, _| Ok(())).unwrap(), 3);
    assert_eq!(media::audio::measure(&stream).unwrap().codec, "aac");
    let kept = || async { api.stores.blobs.list(&format!("jobs/{id}/sound/")).await.unwrap().len() };
    let before = kept().await;
    assert_eq!((get("init.mp4").await, get("part-00000.m4s").await), (head, first));
    assert_eq!((kept().await, api.scratch()), (before, 0));
    for name in ["part-00009.m4s", "part-00000.mp4", "part-0.m4s", "..%2Fartifacts%2Ffilm"] {
        api.get(&format!("/v1/jobs/{id}/watch/{name}")).await.refused(404, "not_found");
    }
}
