//! Where a ledger is: what its URL says, and what of it may be shown.

use std::str::FromStr as _;

use shared::{Error, Result};
use sqlx::postgres::PgConnectOptions;
use url::Url;

/// Connections of a process unless its URL says otherwise.
const CONNECTIONS: u32 = 10;
/// Most connections that a URL may ask for.
const MOST_CONNECTIONS: u32 = 200;

/// A ledger's place.
#[derive(Debug)]
pub(super) struct Place {
    /// How it is reached.
    pub(super) options: PgConnectOptions,
    /// Connections that the process holds at most.
    pub(super) connections: u32,
    /// Host and database, without user and password.
    pub(super) shown: String,
}

impl Place {
    /// Reads `postgres://user:password@host:port/database?connections=10`; further parameters are those of libpq, such as
    /// `sslmode` (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>).
    ///
    /// # Errors
    /// [`Cause::Order`](shared::error::Cause::Order), without the password, when it is no such URL.
    pub(super) fn of(text: &str) -> Result<Self> {
        let mend = "write it like postgres://user:password@host:5432/database, with signs other than letters and digits in the \
                    password percent-encoded";
        let mut url =
            Url::parse(text).map_err(|e| Error::order("the ledger's URL cannot be read").from_source(e).mend(mend))?;
        let mut connections = CONNECTIONS;
        let mut rest = Vec::new();
        for (name, value) in url.query_pairs().into_owned() {
            if name == "connections" {
                let number = value.parse().ok().filter(|number| (1..=MOST_CONNECTIONS).contains(number));
                connections = number.ok_or_else(|| {
                    Error::order(format!("the ledger's URL asks for \"{value}\" connections"))
                        .mend(format!("give 1 to {MOST_CONNECTIONS}"))
                })?;
            } else {
                rest.push((name, value));
            }
        }
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(rest);
        }
        let options = PgConnectOptions::from_str(url.as_str())
            .map_err(|e| Error::order("the ledger's URL cannot be used").from_source(e).mend(mend))?;
        let database = options.get_database().unwrap_or("postgres");
        let shown = format!("postgres://{}:{}/{database}", options.get_host(), options.get_port());
        Ok(Self { options, connections, shown })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_shows_host_and_database_and_nothing_else() {
        let place = Place::of("postgres://anna:secret@db.example:6543/farm?sslmode=disable&connections=16").unwrap();
        assert_eq!((place.shown.as_str(), place.connections), ("postgres://db.example:6543/farm", 16));
        assert_eq!(Place::of("postgresql://db/farm").unwrap().shown, "postgres://db:5432/farm");
    }

    #[test]
    fn a_wrong_url_is_refused_without_its_password() {
        for url in [
            "postgres://anna:secret@db:notaport/farm",
            "postgres://anna:secret@db/farm?connections=0",
            "postgres://anna:secret@db/farm?connections=201",
            "postgres://anna:secret@db/farm?sslmode=perhaps",
        ] {
            let error = Place::of(url).unwrap_err();
            assert_eq!(error.cause(), shared::error::Cause::Order);
            assert!(!error.to_string().contains("secret") && error.mending().is_some(), "{error}");
        }
    }
}
