//! `emofarm all` without a single URL: a farm of one machine.

use tests::{
    farm::{self, Farm, free_port},
    inputs,
};

fn farm(seconds: f64) -> Farm {
    let farm = Farm::alone();
    std::fs::copy(inputs::portrait(), farm.house.path("portrait.png")).unwrap();
    inputs::tone(&farm.house.path("tone.wav"), seconds, 22_050);
    farm
}

#[test]
fn one_process_takes_orders_and_makes_films() {
    let farm = farm(7.03);
    let mut all = farm.start(&["all", "--listen", farm.listen()]);
    farm.wait_for_api(&mut all);
    let done = farm.json(&["submit", "portrait.png", "tone.wav", "--label", "show=orbit", "--wait", "-o", "film.mp4"]);
    let job = done["id"].as_str().unwrap();
    assert_eq!((&done["state"], &done["progress"]["frames_rendered"]), (&"done".into(), &176.into()));
    assert_eq!(media::probe::film(&farm.house.path("film.mp4")).unwrap().frames, 176);

    // The same film by the same order on this machine, without a farm.
    farm.json(&["render", "portrait.png", "tone.wav", "-o", "local.mp4", "--model", "test-pattern"]);
    let bytes = |name: &str| std::fs::read(farm.house.path(name)).unwrap();
    assert!(bytes("film.mp4") == bytes("local.mp4"), "where it runs does not change the film");

    // Ordered again it is the same job; the verbs see it.
    assert_eq!(farm.json(&["submit", "portrait.png", "tone.wav"])["job"]["id"], job);
    assert_eq!(farm.json(&["jobs", "--state", "done", "--label", "show=orbit"])["jobs"][0]["id"], job);
    assert_eq!(farm.json(&["jobs", "--label", "show=other"])["jobs"].as_array().unwrap().len(), 0);
    let attempts = farm.json(&["logs", job]);
    let outcomes = attempts["attempts"].as_array().unwrap().iter().map(|attempt| attempt["outcome"].clone());
    assert!(outcomes.into_iter().all(|outcome| outcome == "done"), "{attempts:#}");
    assert!(!farm.json(&["logs", job, "--task", "prepare"])["lines"].as_array().unwrap().is_empty());
    assert_eq!(farm.json(&["workers"])["items"].as_array().unwrap().len(), 2);
    assert_eq!(farm.json(&["watch", job])["state"], "done");
    let lost = farm.command(&["status", &"0".repeat(32)]).output().unwrap();
    assert_eq!(lost.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&lost.stderr).contains("not_found"));
}

#[test]
fn jobs_are_paused_resumed_cancelled_and_tried_again() {
    let farm = farm(120.0);
    let mut all = farm.start(&["all", "--listen", farm.listen()]);
    farm.wait_for_api(&mut all);
    let submitted = farm.json(&["submit", "portrait.png", "tone.wav", "--priority", "low"]);
    let job = submitted["job"]["id"].as_str().unwrap();
    assert_eq!(farm.json(&["priority", job, "urgent"])["priority"], 100);
    assert_eq!(farm.json(&["pause", job])["hold"], "paused");
    let reasons = farm.json(&["explain", job]);
    assert!(reasons["reasons"].as_array().unwrap().iter().any(|reason| reason["code"] == "paused"), "{reasons:#}");
    assert_eq!(farm.json(&["resume", job])["hold"], "none");
    assert_eq!(farm.json(&["cancel", job, "--reason", "wrong take"])["state"], "cancelled");
    let watched = farm.command(&["watch", job]).output().unwrap();
    assert_eq!(watched.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&watched.stderr).contains("wrong take"));
    farm.json(&["retry", job]);
    farm.wait_for(job, "the film", |status| status["state"] == "done");
    let place = farm.json(&["download", job, "-o", "film.mp4"]);
    assert_eq!(place["bytes"], std::fs::metadata(farm.house.path("film.mp4")).unwrap().len());
}

#[test]
fn a_batch_is_resumed_and_reports() {
    let farm = farm(2.0);
    inputs::tone(&farm.house.path("second.wav"), 3.0, 16_000);
    std::fs::write(farm.house.path("silent.wav"), b"this is no sound").unwrap();
    let table = "portrait,audio,output,seed,label.day\n\
                 portrait.png,tone.wav,one.mp4,1,mon\nportrait.png,second.wav,two.mp4,2,tue\nportrait.png,silent.wav,three.mp4,,\n";
    std::fs::write(farm.house.path("dailies.csv"), table).unwrap();
    let unreachable = farm.command(&["batch", "dailies.csv"]).output().unwrap();
    assert_eq!(unreachable.status.code(), Some(3), "{}", String::from_utf8_lossy(&unreachable.stderr));

    let mut all = farm.start(&["all", "--listen", farm.listen()]);
    farm.wait_for_api(&mut all);
    let run = || {
        let output = farm.command(&["batch", "dailies.csv", "--json"]).output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), report)
    };
    let (code, report) = run();
    assert_eq!(
        (code, &report["numbers"]["done"], &report["numbers"]["failed"]),
        (Some(1), &2.into(), &1.into()),
        "{report:#}"
    );
    assert!(report["rows"][2]["error"].as_str().unwrap().contains("silent.wav"), "{report:#}");
    assert_eq!(media::probe::film(&farm.house.path("two.mp4")).unwrap().frames, 75);

    // The row is mended and the same command is given again: what is there stays, and nothing is rendered twice.
    inputs::tone(&farm.house.path("silent.wav"), 1.0, 16_000);
    let (code, report) = run();
    assert_eq!(
        (code, &report["numbers"]["kept"], &report["numbers"]["done"]),
        (Some(0), &2.into(), &1.into()),
        "{report:#}"
    );
    assert_eq!(farm.json(&["jobs"])["jobs"].as_array().unwrap().len(), 3);
    let written = std::fs::read_to_string(farm.house.path("dailies.report.csv")).unwrap();
    assert_eq!(written.lines().count(), 4);
}

#[test]
fn without_a_token_only_this_machine_is_let_in() {
    let farm = farm(0.5);
    let (port, health) = (farm.listen().rsplit_once(':').unwrap().1, free_port());
    let start = || {
        let mut command = farm.command(&["all", "--listen", &format!("0.0.0.0:{port}")]);
        command.env("EMOFARM_HEALTH", format!("127.0.0.1:{health}"));
        farm.start_as(command, "all")
    };
    let mut all = start();
    farm.wait_for_api(&mut all);
    assert!(all.log().contains("token create"), "{}", all.log());
    assert_eq!(farm.json(&["jobs"])["jobs"].as_array().unwrap().len(), 0, "this machine is let in");
    let metrics = format!("http://127.0.0.1:{health}/metrics");
    assert!(farm::get(&metrics).unwrap().1.contains("emofarm_jobs{state=\"running\",hold=\"none\"} 0"));
    let outer = farm::outer_address().map(|address| format!("http://{address}:{port}"));
    if let Some(outer) = &outer {
        assert_eq!(farm::get(&format!("{outer}/healthz")).unwrap().0, 200);
        let (status, ready) = farm::get(&format!("{outer}/readyz")).unwrap();
        assert!(status == 200 && ready.contains("no token"), "{status} {ready}");
        for path in ["v1/jobs", "metrics", "v1/openapi.json"] {
            let (status, said) = farm::get(&format!("{outer}/{path}")).unwrap();
            assert!(status == 503 && said.contains("no_token_yet"), "{path}: {status} {said}");
        }
    }

    let mut create = farm.command(&["token", "create", "--role", "operator", "--note", "me", "--json"]);
    let issued = create.env("USER", "anna").output().unwrap();
    let issued: serde_json::Value = serde_json::from_slice(&issued.stdout).unwrap();
    let operator = issued["text"].as_str().unwrap();
    if let Some(outer) = &outer {
        let asked = || farm::get(&format!("{outer}/v1/jobs")).is_some_and(|(status, _)| status == 401);
        all.wait_until("the door opens", asked);
    }
    let here = farm.api();
    assert_eq!(farm::get(&format!("{here}/v1/jobs")).unwrap().0, 401);
    let audit = farm::get_as(&format!("{here}/v1/audit"), operator).unwrap();
    assert!(audit.0 == 200 && audit.1.contains("cli:anna") && audit.1.contains("token.make"), "{audit:?}");

    let uploads = || std::fs::read_dir(farm.house.path("data/uploads")).unwrap().count();
    assert_eq!(uploads(), 2, "a directory and its lock");
    all.kill();
    let mut all = start();
    farm.wait_for_api(&mut all);
    assert_eq!(uploads(), 2, "what a killed process left is gone");
}

#[test]
fn an_address_of_others_is_asked_from_here_by_loopback_until_there_is_a_token() {
    // A machine without a network has no address that others could reach.
    let Some(address) = farm::outer_address() else { return };
    let farm = farm(0.5);
    let outer = format!("{address}:{}", farm.listen().rsplit_once(':').unwrap().1);
    let mut all = farm.start(&["all", "--listen", &outer]);
    farm.wait_for_api(&mut all);
    assert_eq!(farm::get(&format!("http://{outer}/v1/jobs")).unwrap().0, 503);
    assert_eq!(farm::get(&format!("{}/v1/jobs", farm.api())).unwrap().0, 200);
    farm.json(&["token", "create", "--role", "operator"]);
    all.wait_until("open", || farm::get(&format!("http://{outer}/v1/jobs")).is_some_and(|(status, _)| status == 401));
    all.wait_until("heard at its own address only", || farm::get(&format!("{}/healthz", farm.api())).is_none());
}

#[test]
fn tokens_allow_what_they_say() {
    let farm = farm(0.5);
    let issued = farm.json(&["token", "create", "--role", "viewer", "--note", "dashboard", "--days", "1"]);
    let mut all = farm.start(&["all", "--listen", farm.listen()]);
    farm.wait_for_api(&mut all);
    let with = |token: &str, args: &[&str]| farm.command(args).env("EMOFARM_TOKEN", token).output().unwrap();
    let text = issued["text"].as_str().unwrap();
    assert!(with(text, &["jobs"]).status.success());
    let viewer = with(text, &["submit", "portrait.png", "tone.wav"]);
    assert_eq!(viewer.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&viewer.stderr).contains("forbidden"));
    assert!(String::from_utf8_lossy(&with("emo_wrong", &["jobs"]).stderr).contains("unauthenticated"));
    farm.json(&["token", "revoke", issued["token"]["id"].as_str().unwrap()]);
    assert!(!with(text, &["jobs"]).status.success(), "a revoked token opens nothing");
}
