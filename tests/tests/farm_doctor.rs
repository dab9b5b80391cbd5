//! `emofarm doctor` names each service that is down, and roles wait for what is down and then work.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::farm::{self, Farm};

fn findings(farm: &Farm) -> (Option<i32>, Vec<String>) {
    let output = farm.command(&["doctor", "--json"]).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bad = document["findings"].as_array().unwrap().iter().filter(|finding| finding["ok"] == false);
    let names = bad.map(|finding| {
        assert!(finding["mend"].as_str().is_some_and(|mend| !mend.is_empty()), "{finding:#}");
        finding["name"].as_str().unwrap().to_owned()
    });
    (output.status.code(), names.collect())
}

#[test]
fn each_service_that_is_down_is_named_and_waited_for() {
    let (postgres, rabbit, s3) = farm::block_on(async {
        (services::own_postgres().await, services::own_rabbit().await, services::own_s3().await)
    });
    let urls = farm::block_on(async { [postgres.url().await, rabbit.url().await, s3.url()] });
    let farm = Farm::on(urls);
    assert_eq!(findings(&farm), (Some(3), vec!["ledger".into(), "API".into()]), "there are no tables yet");
    farm.json(&["migrate"]);
    assert_eq!(findings(&farm), (Some(3), vec!["API".into()]));

    farm::block_on(postgres.stop());
    assert_eq!(findings(&farm), (Some(3), vec!["ledger".into(), "API".into()]));
    farm::block_on(rabbit.stop());
    assert_eq!(findings(&farm), (Some(3), vec!["ledger".into(), "queue".into(), "API".into()]));
    farm::block_on(s3.stop());
    assert_eq!(findings(&farm), (Some(3), vec!["ledger".into(), "queue".into(), "blob store".into(), "API".into()]));

    // A role that is started now says what it waits for, one thing after the other, and works when all are back.
    let mut coordinator = farm.start(&["coordinator", "--listen", farm.listen()]);
    let health = format!("127.0.0.1:{}", farm::free_port());
    let mut worker = farm.start(&["worker", "--health", &health]);
    let waits = |log: &str| log.contains("waits") && log.contains("ledger");
    let ready = format!("http://{health}/readyz");
    worker.wait_until("waiting", || farm::get(&ready).is_some_and(|(status, _)| status == 503));
    // The first try to connect lasts for some seconds.
    let asked = Instant::now();
    while !(waits(&coordinator.log()) && waits(&worker.log())) {
        assert!(asked.elapsed() < Duration::from_mins(1), "{}{}", coordinator.log(), worker.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    farm::block_on(async {
        postgres.start().await;
        rabbit.start().await;
        s3.start().await;
    });
    farm.wait_for_api(&mut coordinator);
    worker.wait_until("ready", || farm::ok(&ready));
    assert_eq!(findings(&farm), (Some(0), vec![]));

    // A store that goes away later makes the worker unready, and it comes back by itself.
    farm::block_on(postgres.stop());
    worker.wait_until("unready", || farm::get(&ready).is_some_and(|(status, _)| status == 503));
    farm::block_on(postgres.start());
    worker.wait_until("ready again", || farm::ok(&ready));
}
