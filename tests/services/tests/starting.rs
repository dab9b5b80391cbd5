//! The services start, answer, stop, come back, and leave nothing behind.

use std::{
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

fn port(url: &str) -> u16 {
    let after = url.rsplit("127.0.0.1:").next().unwrap();
    after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_killed_and_comes_back_on_its_port() {
    let rabbit = services::own_rabbit().await;
    let (first, second) = (rabbit.url().await, rabbit.url().await);
    assert_ne!(first, second, "each URL names a new virtual host");
    let port = port(&first);
    rabbit.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    drop(TcpListener::bind(("127.0.0.1", port)).unwrap());
    rabbit.start().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    rabbit.url().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_s3_server_refuses_strangers_stops_and_starts() {
    let s3 = services::own_s3().await;
    let url = s3.url();
    let endpoint = format!("http://127.0.0.1:{}/test-0/key", port(&url));
    let status = async || reqwest::get(&endpoint).await.map(|answer| answer.status().as_u16());
    assert_eq!(status().await.unwrap(), 403, "a call without a signature");
    s3.stop().await;
    assert!(status().await.is_err());
    s3.start().await;
    assert_eq!(status().await.unwrap(), 403);
    s3.fail_share(1.0);
    s3.weather().seed(1);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..30 {
        seen.insert(status().await.ok());
    }
    assert_eq!(seen, [None, Some(500), Some(503)].into(), "all of it is bad weather");
    assert_eq!(s3.weather().failed(), 30);
}

/// The other half of [`nothing_outlives_a_killed_process`]: it starts a broker and waits to be killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by nothing_outlives_a_killed_process"]
async fn start_a_broker_and_wait() {
    let url = services::own_rabbit().await.url().await;
    println!("\nbroker on 127.0.0.1:{}", port(&url));
    std::future::pending::<()>().await;
}

#[test]
fn nothing_outlives_a_killed_process() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "start_a_broker_and_wait", "--nocapture"])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find(|line| line.starts_with("broker on")).expect("the broker starts");
    let port = port(&line);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 1, "its folder");
    // SIGKILL: nothing of the process can clean up.
    child.kill().unwrap();
    child.wait().unwrap();
    let since = Instant::now();
    let alive = || {
        TcpStream::connect(("127.0.0.1", port)).is_ok() || std::fs::read_dir(temporary.path()).unwrap().next().is_some()
    };
    while alive() {
        assert!(since.elapsed() < Duration::from_secs(20), "the broker or its folder outlives the test process");
        std::thread::sleep(Duration::from_millis(50));
    }
}
