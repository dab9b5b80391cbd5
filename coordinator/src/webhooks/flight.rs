//! Tries that are under way.

use std::{collections::HashMap, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;
use shared::{Error, Result};
use tokio::task::JoinSet;
use url::Url;

/// Tries under way at once.
const MOST: usize = 64;

/// Tries under way at once to one host: one that answers nothing holds so many places and no more.
const MOST_OF_HOST: usize = 4;

/// Tries that wait for their receivers; dropped, they end.
pub(super) struct Flight {
    tries: JoinSet<(String, Result<()>)>,
    hosts: HashMap<String, usize>,
}

impl Flight {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { tries: JoinSet::new(), hosts: HashMap::new() }
    }

    /// How many more may be started.
    pub(super) fn room(&self) -> usize {
        MOST.saturating_sub(self.tries.len())
    }

    /// Starts a try to `url`, unless there is no room or its host has its share; whether it was started.
    pub(super) fn start(&mut self, url: &str, one: impl Future<Output = Result<()>> + Send + 'static) -> bool {
        let host = host(url);
        let of_host = self.hosts.get(&host).copied().unwrap_or_default();
        if self.room() == 0 || of_host >= MOST_OF_HOST {
            return false;
        }
        self.hosts.insert(host.clone(), of_host + 1);
        self.tries.spawn(async move {
            // A try that breaks must leave its place too.
            let ended = AssertUnwindSafe(one).catch_unwind().await;
            (host, ended.unwrap_or_else(|_| Err(Error::world("a try to deliver a webhook broke"))))
        });
        true
    }

    /// Waits for the next one that ends; nothing when none is under way. Safe to drop.
    pub(super) async fn next(&mut self) -> Option<Result<()>> {
        let (host, result) = self.tries.join_next().await?.ok()?;
        if let Some(count) = self.hosts.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                self.hosts.remove(&host);
            }
        }
        Some(result)
    }
}

/// Whom a URL names. One that names nobody is refused when it is tried; until then it has a place of its own.
fn host(url: &str) -> String {
    let parsed = Url::parse(url).ok();
    let named = parsed.as_ref().and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
    named.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_has_a_share_and_all_have_a_bound() {
        let mut flight = Flight::new();
        let (tell, _) = tokio::sync::broadcast::channel::<()>(1);
        let one = || {
            let mut told = tell.subscribe();
            async move {
                let _ = told.recv().await;
                Ok(())
            }
        };
        for n in 0..6 {
            assert_eq!(flight.start(&format!("https://slow.example/{n}"), one()), n < MOST_OF_HOST, "{n}");
        }
        for n in MOST_OF_HOST..MOST + 3 {
            assert_eq!(flight.start(&format!("https://h{n}.example/"), one()), n < MOST, "{n}");
        }
        assert_eq!(flight.room(), 0);
        drop(tell);
        let mut ended = 0;
        while let Some(result) = flight.next().await {
            result.unwrap();
            ended += 1;
        }
        assert_eq!((ended, flight.room(), flight.hosts.len()), (MOST, MOST, 0));
        assert!(flight.start("https://slow.example/", async { Err(Error::world("it broke")) }));
        assert!(flight.next().await.unwrap().is_err());
    }

    #[test]
    fn hosts_are_told_apart_by_name_and_port() {
        assert_eq!(host("https://a.example/x"), host("https://A.example:443/y?z"));
        assert_ne!(host("https://a.example/"), host("http://a.example/"));
    }
}
