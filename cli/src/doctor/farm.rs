//! The services of a farm: each asked by itself, so that each that is down is named.

use std::time::Duration;

use shared::{Error, Result, clock::SystemClock, error::Cause};

use super::{Finding, bad, good};
use crate::{client::Api, roles, settings::Settings};

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at the services that the settings name. A house without URLs has none.
pub(super) async fn services(settings: &Settings) -> Vec<Finding> {
    let urls = match settings.urls() {
        Ok(urls) => urls,
        Err(error) => return vec![found("stores", Err(error))],
    };
    let mut findings = Vec::new();
    if !settings.ledger_url.is_empty() {
        let ask = Box::pin(async {
            let ledger = stores::open_ledger(&urls.ledger).await?;
            ledger.ping().await?;
            ledger.skew_of(&SystemClock).await
        });
        let skew = within(&urls.ledger, ask).await;
        let skew_found = skew.as_ref().ok().map(|skew| clock(*skew));
        findings.push(found("ledger", skew.map(|_| shown(&urls.ledger))));
        findings.extend(skew_found);
    }
    if urls.queue != "memory:" {
        let queue = within(&urls.queue, async { stores::open_queue(&urls.queue)?.ping().await }).await;
        findings.push(found("queue", queue.map(|()| shown(&urls.queue))));
    }
    if !settings.blobs_url.is_empty() {
        let ask = Box::pin(async { stores::open_blobs(&urls.blobs).await?.ping().await });
        let blobs = within(&urls.blobs, ask).await;
        findings.push(found("blob store", blobs.map(|()| shown(&urls.blobs))));
    }
    if settings.has_api() {
        let api = async {
            let api = Api::new(settings)?;
            api.ready().await.map(|()| api.place())
        };
        findings.push(found("API", api.await));
    }
    findings
}

async fn within<T>(url: &str, ask: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(PATIENCE, ask).await.unwrap_or_else(|_| {
        Err(Error::unreachable(format!("{} did not answer within {} s", shown(url), PATIENCE.as_secs()))
            .mend("see that it runs, and that its address is right"))
    })
}

/// Whether this machine's clock, which is ahead of the ledger's by `skew` milliseconds, may be part of the farm.
fn clock(skew: i64) -> Finding {
    match roles::clock::too_far(skew) {
        None => good("clock", "goes with the ledger's"),
        Some(what) => bad("clock", what, roles::clock::MEND),
    }
}

fn found(name: &str, answer: Result<String>) -> Finding {
    match answer {
        Ok(place) => good(name, format!("{place} answers")),
        Err(error) => Finding {
            name: name.to_owned(),
            ok: false,
            unreachable: error.cause() == Cause::Unreachable,
            found: shared::log::redacted(error.message()),
            mend: Some(error.mending().unwrap_or("see that it runs, and that its address is right").to_owned()),
        },
    }
}

/// A URL as it may be shown.
fn shown(url: &str) -> String {
    shared::log::redacted(url.split('?').next().unwrap_or(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_down_is_told_apart_from_what_is_wrong() {
        let down = found("ledger", Err(Error::unreachable("postgres://farm@db does not answer")));
        let wrong = found("queue", Err(Error::order("no queue is known for \"x\"")));
        assert!(down.unreachable && !wrong.unreachable && !down.ok && !wrong.ok);
        let (right, late) = (clock(-800), clock(-8000));
        assert!(right.ok && !late.ok && !late.unreachable && late.found.contains("8.0 s behind"), "{}", late.found);
        assert_eq!(shown("postgres://farm:secret@db/farm?connections=3"), "postgres://farm:***@db/farm");
    }
}
