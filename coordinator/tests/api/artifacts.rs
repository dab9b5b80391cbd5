//! Films, parts and thumbnails.

use axum::{body::Body, http::Request};
use serde_json::json;

use super::harness::{Api, Reply};

async fn ranged(api: &Api, path: &str, headers: &[(&str, &str)]) -> Reply {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    api.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn what_is_made_is_listed_and_given_in_whole_and_in_part() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    let path = format!("/v1/jobs/{id}/artifacts");
    assert_eq!(api.get(&path).await.fine(200)["items"], json!([]));
    let early = api.get(&format!("{path}/film")).await;
    assert_eq!(
        (early.refused(404, "not_made_yet")["retryable"].as_bool(), early.header("retry-after")),
        (Some(true), "5")
    );
    api.get(&format!("{path}/thumbnail")).await.refused(404, "not_made_yet");
    api.finish(&id).await;
    let listed = api.get(&path).await.fine(200);
    let names: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["part-00000", "part-00001", "film", "thumbnail"]);

    let film = format!("{path}/film");
    let whole = api.get(&film).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "video/mp4"));
    assert_eq!(listed["items"][2]["bytes"].as_u64(), Some(whole.bytes.len() as u64));
    let size = whole.bytes.len();
    let part = ranged(&api, &film, &[("range", "bytes=10-19")]).await;
    assert_eq!((part.status.as_u16(), part.header("content-range")), (206, format!("bytes 10-19/{size}").as_str()));
    assert_eq!(part.bytes, whole.bytes[10..20]);
    let tail = ranged(&api, &film, &[("range", "bytes=-5"), ("if-range", whole.header("etag"))]).await;
    assert_eq!(tail.bytes, whole.bytes[size - 5..]);
    let other = ranged(&api, &film, &[("range", "bytes=-5"), ("if-range", "\"other\"")]).await;
    assert_eq!((other.status.as_u16(), other.bytes.len()), (200, size));
    let beyond = ranged(&api, &film, &[("range", "bytes=99999999-")]).await;
    beyond.refused(416, "range_not_satisfiable");
    assert_eq!(beyond.header("content-range"), format!("bytes */{size}"));
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    api.finish(&id).await;
    let path = format!("/v1/jobs/{id}/artifacts?limit=3");
    let names = |page: &serde_json::Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = api.get(&path).await.fine(200);
    assert_eq!(
        (names(&first), first["next"].as_str()),
        (vec!["part-00000".into(), "part-00001".into(), "film".into()], Some("film"))
    );
    let second = api.get(&format!("{path}&cursor=film")).await.fine(200);
    assert_eq!((names(&second), second.get("next")), (vec!["thumbnail".to_owned()], None));
    assert!(api.get(&format!("/v1/jobs/{id}/artifacts?limit=4")).await.fine(200).get("next").is_none());
    // What was tidied away takes no place on a page, and the next one begins behind it.
    api.stores.blobs.remove(&format!("jobs/{id}/part-00001/")).await.unwrap();
    let tidied = api.get(&format!("/v1/jobs/{id}/artifacts?limit=2")).await.fine(200);
    assert_eq!((names(&tidied), tidied["next"].as_str()), (vec!["part-00000".to_owned()], Some("part-00001")));
    for wrong in ["limit=0", "limit=501", "cursor=part-00009", "page=2"] {
        api.get(&format!("/v1/jobs/{id}/artifacts?{wrong}")).await.refused(422, "invalid_field");
    }
}

#[tokio::test]
async fn a_thumbnail_is_the_first_frame_made_once() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    api.finish(&id).await;
    let path = format!("/v1/jobs/{id}/artifacts/thumbnail");
    let reply = api.get(&path).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "image/png"));
    let picture = image::load_from_memory(&reply.bytes).unwrap().to_rgb8();
    let [red, green, blue] = picture.get_pixel(32, 32).0;
    assert_eq!(picture.dimensions(), (64, 64));
    assert!(red > 150 && green < 60 && blue < 60, "the first frame is red: {red} {green} {blue}");
    let kept = format!("jobs/{id}/part-00000/");
    let blobs = api.stores.blobs.list(&kept).await.unwrap().len();
    assert_eq!(api.get(&path).await.bytes, reply.bytes);
    assert_eq!(api.stores.blobs.list(&kept).await.unwrap().len(), blobs);
    assert_eq!(api.scratch(), 0);
}

#[tokio::test]
async fn nothing_else_of_a_job_is_given_out() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    api.finish(&id).await;
    for name in ["prepare", "segment-0-00000", "part-00009", "inputs", "..%2Finputs%2Fportrait", "film.mp4", "%2e%2e"] {
        let reply = api.get(&format!("/v1/jobs/{id}/artifacts/{name}")).await;
        reply.refused(404, "not_found");
    }
}
