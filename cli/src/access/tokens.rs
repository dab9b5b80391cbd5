//! Bearer tokens of the API.

use coordinator::tokens;
use serde_json::{Value, json};
use shared::{Clock as _, Error, Result, Timestamp, clock::SystemClock, ports::access::Token};

use super::{ledger, who};
use crate::{
    args::access::{CreateTokenArgs, TokenArgs, TokenCommand},
    exit,
    output::{Table, note},
    runtime,
    settings::Settings,
};

/// Makes, lists or revokes tokens.
pub(crate) fn run(args: &TokenArgs, settings: &Settings, json: bool) -> Result<u8> {
    runtime::client(async {
        match &args.command {
            TokenCommand::Create(args) => create(args, settings, json).await,
            TokenCommand::List => list(settings, json).await,
            TokenCommand::Revoke { id } => revoke(id, settings, json).await,
        }
    })
}

async fn create(args: &CreateTokenArgs, settings: &Settings, json: bool) -> Result<u8> {
    let (ledger, clock) = (ledger(settings).await?, SystemClock);
    let expires = args.term().map(|term| clock.now().after(term));
    let (tenant, note_text) = (args.tenant.clone(), args.note.clone());
    let issued = tokens::issue(ledger.as_ref(), &who(), tenant, args.role, note_text, expires, &clock).await?;
    if json {
        say!("{:#}", json!({ "ok": true, "text": issued.text, "token": document(&issued.token) }));
    } else {
        say!("{}", issued.text);
        note(format_args!(
            "this is shown once: keep it. It is {} of {}, and clients give it in EMOFARM_TOKEN",
            issued.token.role.name(),
            issued.token.tenant
        ));
    }
    Ok(exit::DONE)
}

async fn list(settings: &Settings, json: bool) -> Result<u8> {
    let tokens = ledger(settings).await?.tokens().await?;
    if json {
        let tokens: Vec<Value> = tokens.iter().map(document).collect();
        say!("{:#}", json!({ "ok": true, "tokens": tokens }));
        return Ok(exit::DONE);
    }
    if tokens.is_empty() {
        say!("no tokens: the API answers on loopback only, to everybody on this machine");
        return Ok(exit::DONE);
    }
    let mut table = Table::new(&["id", "tenant", "role", "ends in", "note"]);
    let now = SystemClock.now();
    for token in tokens {
        let ends = token.expires.map_or_else(|| "never".to_owned(), |end| remaining(end, now));
        table.row([token.id, token.tenant.to_string(), token.role.name().to_owned(), ends, token.note]);
    }
    table.say();
    Ok(exit::DONE)
}

async fn revoke(id: &str, settings: &Settings, json: bool) -> Result<u8> {
    if !ledger(settings).await?.revoke(id, &who(), SystemClock.now()).await? {
        return Err(Error::order(format!("there is no token {id}")).mend("\"emofarm token list\" shows the ids"));
    }
    if json {
        say!("{:#}", json!({ "ok": true, "revoked": id }));
    } else {
        say!("{id} is revoked");
    }
    Ok(exit::DONE)
}

/// A token as it may be shown; its digest helps nobody.
fn document(token: &Token) -> Value {
    let Token { id, sha256: _, tenant, role, note, made, expires } = token;
    json!({ "id": id, "tenant": tenant, "role": role.name(), "note": note, "made": made, "expires": expires })
}

fn remaining(end: Timestamp, now: Timestamp) -> String {
    let left = end.since(now).as_secs();
    match left {
        0 => "over".into(),
        1..172_800 => format!("{} h", left.div_ceil(3600)),
        _ => format!("{} days", left / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_of_tokens_read_well() {
        let now = Timestamp(1_000_000);
        let after = |seconds: i64| remaining(Timestamp(now.0 + seconds * 1000), now);
        assert_eq!([after(-1), after(90), after(90 * 86_400)], ["over", "1 h", "90 days"]);
    }
}
