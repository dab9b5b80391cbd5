//! One try of one delivery.

use std::time::Duration;

use reqwest::{Client, header::RETRY_AFTER};
use shared::{Timestamp, ports::hooks::Delivery};
use url::Url;

use super::sign::sign;
use crate::{
    api::wire::records::EventBody,
    egress::{self, Reachable},
};

/// Time for one try.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// The largest body that is sent; receivers need not take more.
pub const MOST_BODY: usize = 20_000;

/// What a receiver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It took the event.
    Taken(String),
    /// It wants nothing more.
    Gone,
    /// It failed, or could not be reached; perhaps it said when to come again.
    Failed(String, Option<Duration>),
}

/// Sends the event. Never fails: whatever happens is what the receiver said.
pub(super) async fn post(client: &Client, delivery: &Delivery, reachable: Reachable, now: Timestamp) -> Said {
    let failed = |text: String| Said::Failed(text, None);
    let body = body(delivery);
    let (id, seconds) = (format!("evt_{}", delivery.id), now.0 / 1000);
    let url = match Url::parse(&delivery.webhook.url) {
        Ok(url) => url,
        Err(error) => return failed(error.to_string()),
    };
    if let Err(error) = egress::check(&url, reachable) {
        return failed(error.message().to_owned());
    }
    let signature = match sign(&delivery.webhook.secret, &id, seconds, &body) {
        Ok(signature) => signature,
        Err(error) => return failed(error.message().to_owned()),
    };
    let sent = client
        .post(url)
        .timeout(TIMEOUT)
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .body(body)
        .send()
        .await;
    match sent {
        Ok(response) => said(&response),
        Err(error) => failed(reason(&error)),
    }
}

/// Only 2xx is success: a redirect could lead to where nothing may be sent.
fn said(response: &reqwest::Response) -> Said {
    let status = response.status();
    let text = format!("answered {}", status.as_u16());
    if status.is_success() {
        return Said::Taken(text);
    }
    if status.as_u16() == 410 {
        return Said::Gone;
    }
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Said::Failed(text, after.map(Duration::from_secs))
}

/// What went wrong without the URL, whose path may be a secret.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let what = if error.is_connect() { "not reached" } else { "broke off" };
    if inner.source().is_none() && inner.is::<reqwest::Error>() { what.to_owned() } else { format!("{what}: {inner}") }
}

/// The event as JSON; details that would make it too large are left out, since they can be asked for.
fn body(delivery: &Delivery) -> Vec<u8> {
    let mut event = EventBody::new(&delivery.event);
    let bytes = serde_json::to_vec(&event).unwrap_or_default();
    if bytes.len() < MOST_BODY {
        return bytes;
    }
    event.data.details = serde_json::json!({ "left_out": "the details are too large; ask for the job's events" });
    serde_json::to_vec(&event).unwrap_or_default()
}
