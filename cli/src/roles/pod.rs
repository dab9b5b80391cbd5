//! A worker's pod tells Kubernetes that it is at work: when a pool shrinks, idle pods go first.
//!
//! The annotation is that of <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost>.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use shared::{Error, Result, ports::crew::WorkerState};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use worker::Worker;

/// Where a pod finds its account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Time between two looks at the worker.
const LOOK: Duration = Duration::from_secs(1);
/// Time after a refusal; the cluster is not asked faster than this when it is in trouble.
const REST: Duration = Duration::from_secs(30);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The pod in which this process runs.
pub(super) struct Pod {
    client: reqwest::Client,
    url: String,
    token: PathBuf,
}

impl Pod {
    /// The pod `namespace/name` in the cluster of which this process is part.
    ///
    /// # Errors
    /// When the name is no such pair, or the process is in no cluster.
    pub(super) fn of(name: &str) -> Result<Self> {
        let variable = |name: &str| {
            std::env::var(name).map_err(|_| {
                Error::order(format!(
                    "the setting \"pod\" is set, but there is no {name}: this is no pod of Kubernetes"
                ))
                .mend("leave \"pod\" empty outside of a cluster")
            })
        };
        let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        Self::at(&format!("https://{host}:{port}"), Path::new(ACCOUNT), name)
    }

    fn at(server: &str, account: &Path, name: &str) -> Result<Self> {
        let plain = |text: &str| {
            let ends = |end: Option<u8>| end.is_some_and(|b| b.is_ascii_alphanumeric());
            ends(text.bytes().next())
                && ends(text.bytes().last())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
        };
        let (space, name) =
            name.split_once('/').filter(|(space, name)| plain(space) && plain(name)).ok_or_else(|| {
                Error::order(format!("the setting \"pod\" is \"{name}\"")).mend("write it like namespace/name")
            })?;
        let mut builder = reqwest::Client::builder().timeout(PATIENCE);
        let authority = account.join("ca.crt");
        if authority.exists() {
            let broken = |e: String| {
                Error::world(format!("the certificate {} cannot be used", authority.display())).from_source(e)
            };
            let text = std::fs::read(&authority).map_err(|e| broken(e.to_string()))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&text).map_err(|e| broken(e.to_string()))?;
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(|e| Error::world("no HTTP client can be made").from_source(e))?;
        let url = format!("{server}/api/v1/namespaces/{space}/pods/{name}");
        Ok(Self { client, url, token: account.join("token") })
    }

    /// Keeps the pod's cost that of its worker until `cancel`. A cluster that refuses costs an idle pod's advantage, no work.
    pub(super) async fn follow(self, worker: Arc<Worker>, cancel: CancellationToken) {
        let look = async {
            // Whoever was here before the container was restarted may have left a cost.
            let (mut told, mut refused, mut next) = (None, false, Instant::now());
            loop {
                let cost = cost(&worker.state());
                if Some(cost) != told && Instant::now() >= next {
                    match self.tell(cost).await {
                        Ok(()) => (told, refused) = (Some(cost), false),
                        Err(error) => {
                            if !refused {
                                tracing::warn!(%error, "Kubernetes does not know whether this pod is at work");
                            }
                            (refused, next) = (true, Instant::now() + REST);
                        }
                    }
                }
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = look => {}
        }
    }

    async fn tell(&self, cost: u8) -> Result<()> {
        // The cluster changes the token every hour.
        let token = tokio::fs::read_to_string(&self.token).await.map_err(|e| {
            Error::world(format!("the pod's token {} cannot be read", self.token.display())).from_source(e)
        })?;
        let patch = json!({"metadata": {"annotations": {COST: cost.to_string()}}});
        let call = self.client.patch(&self.url).bearer_auth(token.trim()).body(patch.to_string());
        let answer = call.header("content-type", "application/merge-patch+json").send().await;
        let answer = answer.map_err(|e| Error::unreachable("the cluster's API does not answer").from_source(e))?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(Error::world(format!("the cluster answers {} to a patch of this pod", answer.status()))
            .mend("give the pod's service account the right to patch pods, or leave the setting \"pod\" empty"))
    }
}

/// Idle pods, and those that are ending anyway, go first.
fn cost(state: &WorkerState) -> u8 {
    u8::from(matches!(state, WorkerState::Busy { .. }))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// Answers one request with `status`; what was asked.
    async fn cluster(status: &'static str) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !request.ends_with("}}}") {
                let mut piece = [0; 4096];
                let count = stream.read(&mut piece).await.unwrap();
                assert!(count > 0, "cut: {request}");
                request.push_str(std::str::from_utf8(&piece[..count]).unwrap());
            }
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            request
        });
        (address, asked)
    }

    fn account() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "abc\n").unwrap();
        dir
    }

    #[tokio::test]
    async fn a_busy_pod_is_annotated() {
        let ((server, asked), account) = (cluster("200 OK").await, account());
        Pod::at(&server, account.path(), "farm/worker-7").unwrap().tell(1).await.unwrap();
        let request = asked.await.unwrap();
        assert!(request.starts_with("PATCH /api/v1/namespaces/farm/pods/worker-7 HTTP/1.1"), "{request}");
        assert!(request.to_lowercase().contains("authorization: bearer abc\r\n"), "{request}");
        assert!(request.to_lowercase().contains("content-type: application/merge-patch+json\r\n"), "{request}");
        assert!(
            request.ends_with(r#"{"metadata":{"annotations":{"controller.kubernetes.io/pod-deletion-cost":"1"}}}"#)
        );
    }

    #[tokio::test]
    async fn a_refusal_says_which_right_is_missing() {
        let ((server, _asked), account) = (cluster("403 Forbidden").await, account());
        let error = Pod::at(&server, account.path(), "farm/worker-7").unwrap().tell(0).await.unwrap_err();
        assert!(error.to_string().contains("403") && error.mending().unwrap().contains("patch pods"), "{error}");
        std::fs::remove_file(account.path().join("token")).unwrap();
        let error = Pod::at(&server, account.path(), "farm/worker-7").unwrap().tell(0).await.unwrap_err();
        assert!(error.to_string().contains("token"), "{error}");
    }

    #[test]
    fn only_work_costs() {
        let busy = WorkerState::Busy { job: "0".repeat(32).parse().unwrap(), task: shared::TaskId::from_text("film") };
        assert_eq!([busy, WorkerState::Idle, WorkerState::Draining].map(|state| cost(&state)), [1, 0, 0]);
    }

    #[test]
    fn names_that_would_reach_elsewhere_are_refused() {
        for name in ["", "worker", "a/b/c", "a/../b", "a/B", "/b", "a/", "a/..", "a/b-"] {
            assert!(Pod::at("http://x", Path::new("/nowhere"), name).is_err(), "{name}");
        }
    }
}
