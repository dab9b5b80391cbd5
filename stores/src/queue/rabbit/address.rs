//! Where the broker is, and how that is told without the password.

use std::fmt;

use lapin::uri::{AMQPScheme, AMQPUri};
use shared::{Error, Result};

/// Parameters that a URL may have (<https://www.rabbitmq.com/docs/uri-query-parameters>), as far as they are followed.
const PARAMETERS: [&str; 5] = ["frame_max", "channel_max", "heartbeat", "connection_timeout", "auth_mechanism"];
/// A connection whose other end is gone is noticed within about twice this time, in seconds.
const HEARTBEAT: u16 = 15;
/// In milliseconds.
const CONNECTION_TIMEOUT: u64 = 10_000;

/// The address of a broker.
#[derive(Clone)]
pub(super) struct Address {
    uri: AMQPUri,
}

impl Address {
    /// Reads `amqp://user:password@host:port/vhost?heartbeat=15`.
    ///
    /// # Errors
    /// [`Cause::Order`](shared::error::Cause::Order) that says what is wrong with the URL and does not show it.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let wrong = |what: String| {
            Error::order(format!("the URL of the queue {what}")).mend(
                "write amqp://user:password@host:5672/vhost, or amqps:// for TLS; / in the name of a vhost is %2f",
            )
        };
        let parsed = url::Url::parse(url).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        if parsed.host_str().is_none_or(str::is_empty) {
            return Err(wrong("names no host".into()));
        }
        if let Some((key, _)) = parsed.query_pairs().find(|(key, _)| !PARAMETERS.contains(&key.as_ref())) {
            return Err(wrong(format!("has the unknown parameter {key}; known are {}", PARAMETERS.join(", "))));
        }
        let mut uri: AMQPUri = url.parse().map_err(|e| wrong(format!("cannot be read: {e}")))?;
        // Half of the URLs that people write end in a slash, and nobody has a virtual host without a name.
        if uri.vhost.is_empty() {
            uri.vhost = "/".into();
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        uri.query.connection_timeout.get_or_insert(CONNECTION_TIMEOUT);
        Ok(Self { uri })
    }

    /// What the client library wants.
    pub(super) fn uri(&self) -> AMQPUri {
        self.uri.clone()
    }

    /// The user, for messages about permissions.
    pub(super) fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.uri.scheme == AMQPScheme::AMQPS { "amqps" } else { "amqp" };
        let vhost = self.uri.vhost.replace('/', "%2f");
        write!(f, "{scheme}://{}:{}/{vhost}", self.uri.authority.host, self.uri.authority.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_the_password() {
        for (url, shown) in [
            ("amqp://me:s3cret@host", "amqp://host:5672/%2f"),
            ("amqp://me:s3cret@host/", "amqp://host:5672/%2f"),
            ("amqps://me:s3cret@host:1/farm?heartbeat=9", "amqps://host:1/farm"),
            ("amqp://me:s3cret@10.0.0.1/a%2fb", "amqp://10.0.0.1:5672/a%2fb"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.uri().authority.userinfo.password, "s3cret");
            assert!(!format!("{address:?}").contains("s3cret"));
        }
    }

    #[test]
    fn wrong_urls_say_why_and_keep_the_password() {
        for (url, why) in [
            ("amqp://me:s3cret@", "host"),
            ("amqp://me:s3cret@host?colour=1", "colour"),
            ("amqp://me:s3cret@host?heartbeat=often", "cannot be read"),
            ("amqp://me:s3cret@host:many/", "cannot be read"),
        ] {
            let text = Address::parse(url).unwrap_err().to_string();
            assert!(text.contains(why) && !text.contains("s3cret"), "{text}");
        }
    }
}
