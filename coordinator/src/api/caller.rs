//! Who asks.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use shared::{JobId, Name, ports::access::Role, ports::ledger::Job};

use super::{
    code::Code,
    farm::Farm,
    problem::{Answer, Problem},
};
use crate::tokens;

/// Whoever sent the request, as the ledger knows them.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The token's name, for the audit.
    pub(crate) who: String,
    /// Whose token it is.
    pub(crate) tenant: Name,
    /// What it allows.
    pub(crate) role: Role,
}

impl Caller {
    /// Refuses whoever may not do what `role` may.
    pub(crate) fn needs(&self, role: Role) -> Answer<()> {
        if self.role >= role {
            return Ok(());
        }
        let detail = format!("this needs the role {}, and the token has the role {}", role.name(), self.role.name());
        Err(Problem::new(Code::Forbidden, detail).mend("ask an operator for another token"))
    }

    /// The tenant that the caller is bound to; operators see all.
    pub(crate) fn sees(&self) -> Option<&Name> {
        (self.role < Role::Operator).then_some(&self.tenant)
    }

    /// A job by its id. One of another tenant is as unknown as one that never was.
    pub(crate) async fn job(&self, farm: &Farm, id: &str) -> Answer<Job> {
        let unknown = || Problem::not_found("job");
        let id: JobId = id.parse().map_err(|_| unknown())?;
        let job = farm.ledger().job(&id).await?.ok_or_else(unknown)?;
        if self.sees().is_some_and(|tenant| *tenant != job.terms.tenant) {
            return Err(unknown());
        }
        Ok(job)
    }

    /// Records what the caller did, for changes that the ledger does not record by itself. The change has happened: an audit that cannot
    /// be written is told in the log and does not make the answer a failure.
    pub(crate) async fn did(&self, farm: &Farm, tenant: &Name, act: &str, on: &str) {
        self.log(tenant, act, on);
        if let Err(error) = farm.ledger().audit(&self.who, tenant, act, on, farm.now()).await {
            tracing::error!(%error, who = self.who, %tenant, act, on, "an act is missing in the audit");
        }
    }

    /// Says in the log what the caller did.
    pub(crate) fn log(&self, tenant: &Name, act: &str, on: &str) {
        tracing::info!(who = self.who, %tenant, act, on, "audit");
    }
}

impl FromRequestParts<Arc<Farm>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, farm: &Arc<Farm>) -> Result<Self, Problem> {
        if let Some(text) = bearer(&parts.headers)? {
            let token = farm.ledger().token(&tokens::digest(text), farm.now()).await?;
            let token = token.ok_or_else(|| {
                Problem::new(Code::Unauthenticated, "the token is unknown, revoked or over")
                    .mend("ask an operator for a new one")
            })?;
            return Ok(Self { who: token.id, tenant: token.tenant, role: token.role });
        }
        let here = farm.door.admits_this_machine_only(&parts.extensions) && is_of_this_machine(&parts.headers);
        if here && farm.ledger().tokens().await?.is_empty() {
            return Ok(Self { who: "anonymous".into(), tenant: Name::house(), role: Role::Operator });
        }
        Err(Problem::new(Code::Unauthenticated, "the request carries no token")
            .mend("send the header \"Authorization: Bearer emo_…\""))
    }
}

/// The token in the request.
fn bearer(headers: &HeaderMap) -> Answer<Option<&str>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => {
            Ok(Some(token.trim()))
        }
        _ => Err(Problem::new(Code::Unauthenticated, "the header Authorization holds no bearer token")
            .mend("send \"Authorization: Bearer emo_…\"")),
    }
}

/// Whether a request without a token comes from this machine and not from a page in its browser or through a proxy: such a page names
/// itself as the origin, or reaches this machine under a name of its own, and a proxy says for whom it asks.
fn is_of_this_machine(headers: &HeaderMap) -> bool {
    let local = |authority: &str| {
        let host = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        let host = host.map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    let text = |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).is_none_or(local);
    let origin = text(header::ORIGIN).is_none_or(|origin| origin.split_once("://").is_some_and(|(_, at)| local(at)));
    let direct = ["forwarded", "x-forwarded-for", "via"].into_iter().all(|name| !headers.contains_key(name));
    host && origin && direct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_in_a_browser_are_not_this_machine() {
        let ask = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            is_of_this_machine(&headers)
        };
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "localhost", "127.0.0.1"] {
            assert!(ask(host, None) && ask(host, Some("http://localhost:3000")), "{host}");
            assert!(!ask(host, Some("https://evil.example")) && !ask(host, Some("null")), "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "10.0.0.1", "127.0.0.1.evil.example"] {
            assert!(!ask(host, None), "{host}");
        }
        let mut proxied = HeaderMap::new();
        proxied.insert("x-forwarded-for", "203.0.113.7".parse().unwrap());
        assert!(!is_of_this_machine(&proxied));
    }
}
