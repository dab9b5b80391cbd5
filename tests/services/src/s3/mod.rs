//! An S3-compatible server inside the test process, with bad weather on request.

mod faults;
mod server;

use std::{fmt::Write as _, sync::Arc, time::Duration};

use tokio::sync::OnceCell;

pub use faults::Weather;
use server::Server;

/// Clients of the S3-compatible server; each has its own buckets and its own weather.
#[derive(Clone, Debug)]
pub struct S3 {
    server: Arc<Server>,
    weather: Arc<Weather>,
}

/// The server that all tests of this process share, with weather of one's own.
pub async fn s3() -> S3 {
    static SHARED: OnceCell<Arc<Server>> = OnceCell::const_new();
    let server = SHARED.get_or_init(|| async { Arc::new(Server::start().await) }).await.clone();
    S3 { server, weather: Arc::default() }
}

/// A server for a test that stops it, so that the tests beside it do not notice.
pub async fn own_s3() -> S3 {
    S3 { server: Arc::new(Server::start().await), weather: Arc::default() }
}

impl S3 {
    /// URL of a new, empty bucket; the credentials lie in a file that it names.
    pub fn url(&self) -> String {
        let bucket = self.server.new_bucket(&self.weather);
        self.url_of(&bucket)
    }

    /// URL of a bucket, whether it is there or not.
    pub fn url_of(&self, bucket: &str) -> String {
        let mut url = format!("s3://{bucket}/farm?endpoint={}&region=test&path_style=true", self.server.endpoint());
        let _ = write!(url, "&credentials={}", self.server.credentials().display());
        url
    }

    /// What goes wrong with calls on the buckets of this client.
    pub fn weather(&self) -> &Weather {
        &self.weather
    }

    /// Makes this share of the calls fail, from 0 to 1: with status 500 or 503, or by a connection that breaks before or after
    /// the work is done.
    pub fn fail_share(&self, share: f64) {
        self.weather.fail_share(share);
    }

    /// Files of uploads in parts that were neither completed nor aborted, in all buckets of the server.
    pub fn unfinished_uploads(&self) -> usize {
        self.server.unfinished_uploads()
    }

    /// Stops the server: connections break, new ones are refused.
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    /// Starts it again, on the same port and data.
    pub async fn start(&self) {
        self.server.serve().await;
    }

    /// Stops it and starts it again after a while.
    pub async fn restart_after(&self, pause: Duration) {
        self.stop().await;
        tokio::time::sleep(pause).await;
        self.start().await;
    }
}
