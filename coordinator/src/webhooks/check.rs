//! Whether a webhook can be accepted with an order.

use shared::{Error, Result, ports::records::EVENTS, terms::Webhook};
use url::Url;

use super::sign::key;
use crate::egress::{self, Reachable};

/// Refuses what could never be delivered. What the host resolves to is judged with every try.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) naming what is wrong; never the secret.
pub(crate) fn check(webhook: &Webhook, reachable: Reachable) -> Result<()> {
    key(&webhook.secret)?;
    if webhook.url.len() > 2000 {
        return Err(Error::order("the URL of the webhook has more than 2000 characters"));
    }
    let url: Url = webhook.url.parse().map_err(|_| Error::order("the URL of the webhook cannot be read"))?;
    egress::check(&url, reachable)?;
    match webhook.events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(Error::order(format!("there is no event \"{unknown}\""))
            .mend(format!("the events are {}", EVENTS.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_delivered_is_accepted() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let of = |url: &str, secret: &str, events: &[&str]| Webhook {
            url: url.into(),
            secret: secret.into(),
            events: events.iter().map(ToString::to_string).collect(),
        };
        check(&of("https://example.com/hook", secret, &["job.completed"]), Reachable::Public).unwrap();
        let long = format!("https://example.com/{}", "x".repeat(2000));
        for wrong in [
            of("https://example.com/hook", "whsec_", &[]),
            of("https://example.com/hook", secret, &["job.finished"]),
            of("https://127.0.0.1/hook", secret, &[]),
            of("gopher://example.com", secret, &[]),
            of("not a url", secret, &[]),
            of(&long, secret, &[]),
        ] {
            assert!(check(&wrong, Reachable::Public).is_err(), "{wrong:?}");
        }
    }
}
