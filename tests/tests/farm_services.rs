//! A farm of separate processes on `PostgreSQL`, `RabbitMQ` and S3: the same film, whatever dies.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tests::{
    binary::House,
    farm::{self, Farm, Role},
    inputs,
};

const ROLES: [&str; 5] = ["coordinator", "coordinator", "worker", "worker", "stitcher"];

fn inputs_in(house: &House, seconds: f64) {
    std::fs::copy(inputs::portrait(), house.path("portrait.png")).unwrap();
    inputs::tone(&house.path("tone.wav"), seconds, 22_050);
}

/// Starts the n-th of [`ROLES`]; the first coordinator has the address that clients know.
fn start(farm: &Farm, n: usize) -> Role {
    match ROLES[n] {
        "coordinator" if n == 0 => farm.start(&["coordinator", "--listen", farm.listen()]),
        "coordinator" => farm.start(&["coordinator", "--listen", "127.0.0.1:0"]),
        role => farm.start(&[role]),
    }
}

/// The latents of a render without a farm: task to bytes.
fn expected(farm: &Farm, model: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let mut args = vec!["render", "portrait.png", "tone.wav", "-o", "local.mp4", "--keep-latents"];
    args.extend(model);
    let kept = farm.json(&args);
    let mut found = BTreeMap::new();
    for path in tests::files(kept["kept"].as_str().unwrap().as_ref(), "safetensors") {
        if path.ends_with("latents.safetensors") {
            let task = path.ancestors().nth(2).and_then(|dir| dir.file_name()).unwrap().to_string_lossy().into_owned();
            found.insert(task, std::fs::read(path).unwrap());
        }
    }
    assert!(!found.is_empty());
    found
}

/// The latents that count in the farm: of every task the attempt that the ledger names.
fn latents(farm: &Farm, job: &str) -> BTreeMap<String, Vec<u8>> {
    let urls = farm.urls();
    farm::block_on(async {
        let stores = stores::open(&urls).await.unwrap();
        let job = job.parse().unwrap();
        let mut found = BTreeMap::new();
        for task in stores.ledger.tasks(&job).await.unwrap().into_iter().filter(|task| task.kind.renders()) {
            let key = shared::ports::BlobKey::made(&job, &task.id, task.attempt, "latents.safetensors").unwrap();
            found.insert(task.id.to_string(), stores.blobs.get(&key).await.unwrap());
        }
        found
    })
}

/// How often each task was completed, by the ledger's own account.
fn completions(farm: &Farm, job: &str) -> BTreeMap<String, u32> {
    let mut done = BTreeMap::new();
    for attempt in farm.json(&["logs", job])["attempts"].as_array().unwrap() {
        let count: &mut u32 = done.entry(attempt["task"].as_str().unwrap().to_owned()).or_default();
        *count += u32::from(attempt["outcome"] == "done");
    }
    done
}

#[test]
fn the_farm_makes_the_film_of_a_single_machine_to_the_last_bit() {
    let farm = Farm::on_services();
    inputs_in(&farm.house, 1.2);
    // Roles that are started before the ledger has its tables wait for them.
    let mut roles: Vec<Role> = (0..ROLES.len()).map(|n| start(&farm, n)).collect();
    roles[2].wait_until("waiting for the tables", || true);
    farm.json(&["migrate"]);
    farm.wait_for_api(&mut roles[0]);
    let done = farm.json(&["submit", "portrait.png", "tone.wav", "--model", "demo", "--wait", "-o", "film.mp4"]);
    let job = done["id"].as_str().unwrap();
    assert!(latents(&farm, job) == expected(&farm, &["--model", "demo"]), "the latents differ");
    let film = |name: &str| std::fs::read(farm.house.path(name)).unwrap();
    assert!(film("film.mp4") == film("local.mp4"), "the films differ");
    assert!(completions(&farm, job).values().all(|count| *count == 1));
}

/// `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Makes a film of what lies in the house while a random role is killed every two seconds.
fn survives(farm: &Farm, model: &str) {
    farm.json(&["migrate"]);
    let mut roles: Vec<Role> = (0..ROLES.len()).map(|n| start(farm, n)).collect();
    farm.wait_for_api(&mut roles[0]);
    let submitted = farm.json(&["submit", "portrait.png", "tone.wav", "--model", model]);
    let job = submitted["job"]["id"].as_str().unwrap().to_owned();
    let over = AtomicBool::new(false);
    let killed = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let (mut chance, mut killed) = (20_261_121, Vec::new());
            while !over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_secs(2));
                let n = (next(&mut chance) % ROLES.len() as u64) as usize;
                roles[n].kill();
                roles[n] = start(farm, n);
                killed.push(ROLES[n]);
            }
            killed
        });
        // The verb itself outlives the coordinator that it talks to.
        let ended = farm.command(&["watch", &job, "--json"]).output().unwrap();
        over.store(true, Ordering::SeqCst);
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
        killer.join().unwrap()
    });
    assert!(killed.len() >= 3, "the job was over before enough had died: {killed:?}");
    eprintln!("killed: {killed:?}");
    assert!(latents(farm, &job) == expected(farm, &["--model", model]), "the latents differ");
    assert!(completions(farm, &job).values().all(|count| *count == 1), "a task was completed twice");
}

#[test]
fn a_random_role_is_killed_every_two_seconds_and_the_film_is_the_same() {
    let farm = Farm::on_services();
    inputs_in(&farm.house, 20.0);
    survives(&farm, "test-pattern");
}

#[test]
fn the_demo_film_survives_it_too() {
    let farm = Farm::on_services();
    // Short enough that a stitcher can end its part between two deaths, on two cores too.
    inputs_in(&farm.house, 4.0);
    std::fs::copy(tests::root().join("demo/portrait.png"), farm.house.path("portrait.png")).unwrap();
    survives(&farm, "demo");
}

#[test]
fn a_drained_worker_gives_its_task_back_without_an_attempt_being_counted() {
    let farm = Farm::on_services();
    inputs_in(&farm.house, 6.0);
    farm.json(&["migrate"]);
    let mut coordinator = start(&farm, 0);
    farm.wait_for_api(&mut coordinator);
    let health = format!("127.0.0.1:{}", farm::free_port());
    let mut worker = farm.start(&["worker", "--health", &health]);
    worker.wait_until("ready", || farm::ok(&format!("http://{health}/readyz")));
    assert!(farm::get(&format!("http://{health}/metrics")).is_some_and(|(status, _)| status == 200));
    let submitted = farm.json(&["submit", "portrait.png", "tone.wav", "--model", "demo"]);
    let job = submitted["job"]["id"].as_str().unwrap();
    farm.wait_for(job, "the first frames", |status| status["progress"]["frames_rendered"].as_u64() > Some(0));
    let asked = Instant::now();
    worker.signal("TERM");
    let status = worker.end();
    assert!(status.success(), "{status}: {}", worker.log());
    assert!(asked.elapsed() < Duration::from_secs(10), "the drain took {:?}", asked.elapsed());
    let attempts = farm.json(&["logs", job]);
    let given_back: Vec<_> =
        attempts["attempts"].as_array().unwrap().iter().filter(|a| a["outcome"] == "given_back").collect();
    assert_eq!(given_back.len(), 1, "{attempts:#}");
    let tasks =
        farm::block_on(async { stores::open(&farm.urls()).await.unwrap().ledger.tasks(&job.parse().unwrap()).await })
            .unwrap();
    assert!(tasks.iter().all(|task| task.failures == 0));

    // A second signal does not wait for anything.
    let mut worker = farm.start(&["worker", "--health", &health]);
    worker.wait_until("ready", || farm::ok(&format!("http://{health}/readyz")));
    worker.signal("INT");
    worker.signal("INT");
    assert!(matches!(worker.end().code(), Some(0 | 130)));
}
