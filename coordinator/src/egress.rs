//! What this process may ask of other machines when somebody outside names the address: never of the farm's own network,
//! unless the operator says so.
//!
//! A name is judged by the addresses that it resolves to, and the connection is made to exactly those: a name that resolves
//! differently a moment later (DNS rebinding) gains nothing.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use shared::{Error, Result};
use url::{Host, Url};

/// Time to reach a host.
const CONNECT: Duration = Duration::from_secs(10);

/// Whom a client may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachable {
    /// Public addresses only.
    Public,
    /// Everything: for farms whose customers sit in the same network.
    Anything,
}

/// A client that reaches only what it may, without proxies and without following redirects. Connections are not kept, so
/// that every request resolves and judges its host again.
///
/// # Errors
/// When the machine's TLS cannot be set up.
pub(crate) fn client(reachable: Reachable, read: Duration) -> Result<Client> {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .dns_resolver(Judge(reachable))
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT)
        .read_timeout(read)
        .user_agent(concat!("emofarm/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| Error::world("the HTTP client cannot be made").from_source(e))
}

/// Checks what can be seen of a URL before anything is resolved: its scheme, and an address that stands in it as such.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) naming the URL's host and what is wrong.
pub(crate) fn check(url: &Url, reachable: Reachable) -> Result<()> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::order(format!("\"{}\" is no scheme of the web", url.scheme())).mend("give an https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::order("a URL holds a user name or a password").mend("leave it out, or give a signed URL"));
    }
    let address = match url.host() {
        None => return Err(Error::order("a URL names no host")),
        Some(Host::Domain(_)) => return Ok(()),
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
    };
    if reachable == Reachable::Anything || is_public(address) { Ok(()) } else { Err(private(&address.to_string())) }
}

fn private(host: &str) -> Error {
    Error::order(format!("{host} is not a public address")).mend("give one that can be reached from everywhere")
}

/// Resolves names and keeps only addresses that may be reached.
struct Judge(Reachable);

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let reachable = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fine: Vec<SocketAddr> =
                found.filter(|at| reachable == Reachable::Anything || is_public(at.ip())).collect();
            if fine.is_empty() {
                return Err(private(name.as_str()).into());
            }
            Ok(Box::new(fine.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the public internet: neither this machine nor a network that only some can reach
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>, <https://www.iana.org/assignments/iana-ipv6-special-registry>).
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let s = address.segments();
    let inside = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match s {
        // NAT64 and 6to4 carry a version 4 address, which decides.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => is_public_v4(inside(high, low)),
        // Teredo and other special uses, documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_addresses_are_known_in_every_disguise() {
        let inner = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
            "fec0::1",
        ];
        for text in inner {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn urls_are_judged_by_what_they_really_name() {
        let check = |text: &str| check(&text.parse().unwrap(), Reachable::Public);
        let refused = [
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "ftp://example.com/",
            "https://me:secret@example.com/",
            "https://me@example.com/",
        ];
        for text in refused {
            let error = check(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        check("https://example.com/x").unwrap();
        super::check(&"http://127.0.0.1:9/".parse().unwrap(), Reachable::Anything).unwrap();
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_this_machine_is_not_reached() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let judged = client(Reachable::Public, Duration::from_secs(5)).unwrap();
        let error = format!("{:?}", judged.get(&url).send().await.unwrap_err());
        assert!(error.contains("not a public address"), "{error}");
        let connected = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(connected.is_err(), "nobody may have connected");
    }
}
