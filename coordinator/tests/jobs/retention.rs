//! What ended jobs leave is removed when its time is up.

use std::{sync::Arc, time::Duration};

use coordinator::{Retention, draft};
use shared::{
    Clock as _, TaskId, Terms, Timestamp,
    clock::ManualClock,
    ports::{BlobKey, retention::Kind},
};

use super::farm::{Farm, Sizes, wishes};

#[tokio::test]
async fn latents_go_first_and_the_film_later() {
    let farm = Farm::new().await;
    let clock = Arc::new(ManualClock::at(Timestamp(1000)));
    let (ledger, blobs) = (&farm.stores.ledger, &farm.stores.blobs);
    let draft = draft(&farm.portrait(), &farm.track(8000), &wishes(), &Sizes).unwrap();
    let span = |text: &str| Some(text.parse().unwrap());
    let terms = Terms { keep_latents: span("1d"), keep_film: span("30d"), ..Terms::default() };
    ledger.submit(&draft.order, &terms, &draft.plan, clock.now()).await.unwrap();
    let made = |task: &str, name: &str| BlobKey::made(&draft.id, &TaskId::from_text(task), 1, name).unwrap();
    let latents = [
        made("prepare", "prepared.safetensors"),
        made("prepare", "features-00000.safetensors"),
        made("segment-0-00000", "latents.safetensors"),
        made("segment-0-00001", "clips/00000.safetensors"),
    ];
    let film = [
        made("part-00000", "part.mp4"),
        made("film", "film.mp4"),
        made("sound", "sound-00000.mp4"),
        BlobKey::input(&draft.id, "audio").unwrap(),
    ];
    let log = BlobKey::log(&draft.id, &TaskId::from_text("prepare"), 1, 0).unwrap();
    for key in latents.iter().chain(&film).chain([&log]) {
        blobs.put(key, b"x").await.unwrap();
    }
    ledger.cancel(&draft.id, None, clock.now()).await.unwrap();
    let retention = Retention::new(ledger.clone(), blobs.clone(), clock.clone(), 0);
    let left = || async { blobs.list(&format!("jobs/{}/", draft.id)).await.unwrap() };
    assert_eq!(retention.tick().await.unwrap(), []);
    assert_eq!(left().await.len(), 9);
    clock.advance(Duration::from_hours(24));
    assert_eq!(retention.tick().await.unwrap(), [(draft.id.clone(), Kind::Latents)]);
    let now = left().await;
    assert!(latents.iter().all(|key| !now.contains(key)) && film.iter().all(|key| now.contains(key)), "{now:?}");
    assert_eq!(retention.tick().await.unwrap(), [], "once");
    clock.advance(Duration::from_hours(24 * 29));
    assert_eq!(retention.tick().await.unwrap(), [(draft.id.clone(), Kind::Film)]);
    assert_eq!(left().await, [log], "logs stay");
}
