//! Settings of the farm: what they mean, and which can be used.

use std::{fmt, net::SocketAddr};

use shared::{Error, Name, Reach, Result, task::Lane};
use stores::Urls;

use super::Settings;

/// A text that is not shown where settings are shown.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// The text, unless it is empty.
    pub(crate) fn get(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "unset" } else { "set" })
    }
}

impl Settings {
    /// The limits that hold for the farm's settings.
    pub(super) fn check_farm(&self) -> Result<()> {
        self.listen()?;
        self.health()?;
        self.pools()?;
        if self.upload_limit == 0 {
            return Err(Error::order("the setting upload_limit is 0").mend("give a number of MiB, such as 4096"));
        }
        let api = self.api_url.strip_prefix("http://").or_else(|| self.api_url.strip_prefix("https://"));
        if api.is_none_or(str::is_empty) {
            return Err(Error::order(format!("the setting api_url is \"{}\"", self.api_url))
                .mend("give an address such as http://127.0.0.1:8080"));
        }
        Ok(())
    }

    /// Where the three stores are. What has no URL is kept in `farm/` below the data directory.
    ///
    /// # Errors
    /// When the data directory has no absolute path.
    pub(crate) fn urls(&self) -> Result<Urls> {
        let farm = std::path::absolute(self.data_dir.join("farm")).map_err(|e| {
            Error::order(format!("the data directory {} has no absolute path", self.data_dir.display())).from_source(e)
        })?;
        let or = |url: &str, default: String| if url.is_empty() { default } else { url.to_owned() };
        Ok(Urls {
            ledger: or(&self.ledger_url, format!("sqlite://{}", farm.join("ledger.db").display())),
            queue: or(&self.queue_url, "memory:".into()),
            blobs: or(&self.blobs_url, format!("file://{}", farm.join("blobs").display())),
        })
    }

    /// Settings of a client, for tests.
    #[cfg(test)]
    pub(crate) fn at(api: &str, token: &str) -> Self {
        Self { api_url: api.into(), token: Secret(token.into()), ..Self::defaults() }
    }

    /// Whether somebody said where the farm's API is.
    pub(crate) fn has_api(&self) -> bool {
        self.api_url != Self::defaults().api_url || self.token.get().is_some()
    }

    /// Where the coordinator's API listens.
    ///
    /// # Errors
    /// When the setting is no address with a port.
    pub(crate) fn listen(&self) -> Result<SocketAddr> {
        address("listen", &self.listen)
    }

    /// Where roles answer probes and Prometheus without a token, if they do.
    ///
    /// # Errors
    /// When the setting is no address with a port.
    pub(crate) fn health(&self) -> Result<Option<SocketAddr>> {
        if self.health.is_empty() { Ok(None) } else { address("health", &self.health).map(Some) }
    }

    /// The pools whose tasks a worker takes.
    ///
    /// # Errors
    /// When there is none, or one has no proper name.
    pub(crate) fn pools(&self) -> Result<Vec<Name>> {
        let names = self.pools.split(',').map(str::trim).filter(|name| !name.is_empty());
        let pools: Vec<Name> = names.map(str::parse).collect::<Result<_>>()?;
        if pools.is_empty() {
            return Err(Error::order("the setting pools names no pool").mend("give names joined by commas"));
        }
        Ok(pools)
    }

    /// What a worker with these settings can take.
    ///
    /// # Errors
    /// As [`Settings::pools`].
    pub(crate) fn reach(&self, lanes: &[Lane]) -> Result<Reach> {
        Ok(Reach { lanes: lanes.to_vec(), pools: self.pools()?, gpu_memory: self.gpu_memory })
    }
}

fn address(key: &str, text: &str) -> Result<SocketAddr> {
    text.parse().map_err(|_| {
        Error::order(format!("the setting {key} is \"{text}\""))
            .mend("give an IP address and a port, such as 127.0.0.1:8080 or 0.0.0.0:8080")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_in_the_data_directory_unless_urls_say_otherwise() {
        let settings = Settings { data_dir: "/data".into(), ..Settings::defaults() };
        let urls = settings.urls().unwrap();
        assert_eq!(urls.ledger, "sqlite:///data/farm/ledger.db");
        assert_eq!((urls.queue.as_str(), urls.blobs.as_str()), ("memory:", "file:///data/farm/blobs"));
        let farm = Settings { ledger_url: "postgres://db/farm".into(), ..settings };
        assert_eq!(farm.urls().unwrap().ledger, "postgres://db/farm");
    }

    #[test]
    fn farm_settings_are_checked_and_name_the_key() {
        let fine = Settings::defaults();
        fine.check_farm().unwrap();
        let wrong = [
            ("listen", Settings { listen: "localhost".into(), ..fine.clone() }),
            ("health", Settings { health: "9090".into(), ..fine.clone() }),
            ("pools", Settings { pools: " , ".into(), ..fine.clone() }),
            ("upload_limit", Settings { upload_limit: 0, ..fine.clone() }),
            ("api_url", Settings { api_url: "ftp://x".into(), ..fine.clone() }),
            ("Pool_1", Settings { pools: "a,Pool_1".into(), ..fine }),
        ];
        for (key, settings) in wrong {
            let error = settings.check_farm().unwrap_err();
            assert!(error.to_string().contains(key) && error.mending().is_some(), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", Settings { token: Secret("emo_x".into()), ..Settings::defaults() });
        assert!(!shown.contains("emo_x") && shown.contains("token: set"), "{shown}");
    }
}
