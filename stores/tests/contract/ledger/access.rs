//! Tokens, answers that are not given twice, and the audit.

use std::time::Duration;

use shared::{
    Timestamp,
    error::Cause,
    ports::{
        access::{Answer, Known, Role, Token},
        schedule::Tenant,
    },
};

use super::farm::{Farm, NOW, name};

fn token(id: &str) -> Token {
    Token {
        id: id.into(),
        sha256: id.repeat(8),
        tenant: name("anna"),
        role: Role::Submitter,
        note: "for the studio".into(),
        made: Timestamp(NOW),
        expires: None,
    }
}

pub(crate) async fn tokens_are_found_by_digest_until_they_end(farm: &impl Farm) {
    let ledger = farm.ledger();
    let (lasting, ending) = (token("aaa"), Token { expires: Some(Timestamp(NOW + 10)), ..token("bbb") });
    for token in [&ending, &lasting] {
        ledger.add_token(token, "cli:anna").await.unwrap();
    }
    let found = async |token: &Token, at| ledger.token(&token.sha256, Timestamp(at)).await.unwrap();
    assert_eq!(found(&lasting, NOW).await.as_ref(), Some(&lasting));
    assert_eq!(found(&ending, NOW + 9).await.as_ref(), Some(&ending));
    assert_eq!(found(&ending, NOW + 10).await, None, "over");
    assert_eq!(found(&token("ccc"), NOW).await, None);
    assert_eq!(ledger.tokens().await.unwrap(), [lasting.clone(), ending]);
    assert!(ledger.revoke("aaa", "cli:anna", Timestamp(NOW + 20)).await.unwrap());
    assert!(!ledger.revoke("aaa", "cli:anna", Timestamp(NOW + 20)).await.unwrap());
    assert_eq!(found(&lasting, NOW).await, None);
}

pub(crate) async fn a_token_that_exists_is_not_replaced(farm: &impl Farm) {
    farm.ledger().add_token(&token("aaa"), "cli:anna").await.unwrap();
    let error = farm.ledger().add_token(&Token { role: Role::Operator, ..token("aaa") }, "cli:bert").await.unwrap_err();
    assert_eq!(error.cause(), Cause::Order);
    assert!(error.to_string().contains("aaa") && error.mending().is_some(), "{error}");
    assert_eq!(farm.ledger().tokens().await.unwrap()[0].role, Role::Submitter);
    assert_eq!(farm.ledger().audited(None, 9).await.unwrap().len(), 1, "what was refused did not happen");
}

pub(crate) async fn a_request_is_answered_once(farm: &impl Farm) {
    let ledger = farm.ledger();
    let (anna, bert) = (name("anna"), name("bert"));
    let begin =
        async |tenant, request: &str, at| ledger.begin_answer(tenant, "key", request, Timestamp(at)).await.unwrap();
    assert_eq!(begin(&anna, "one", NOW).await, Known::New);
    assert_eq!(begin(&anna, "one", NOW + 1).await, Known::Running);
    assert_eq!(begin(&anna, "two", NOW + 1).await, Known::Other);
    assert_eq!(begin(&bert, "two", NOW + 1).await, Known::New, "another tenant's key");
    let answer = Answer { request: "one".into(), status: 201, body: "{\"id\":1}".into() };
    ledger.end_answer(&anna, "key", Some(&answer), Timestamp(NOW + 2)).await.unwrap();
    assert_eq!(begin(&anna, "one", NOW + 3).await, Known::Answered(answer));
    assert_eq!(begin(&anna, "two", NOW + 3).await, Known::Other);
    ledger.end_answer(&bert, "key", None, Timestamp(NOW + 4)).await.unwrap();
    assert_eq!(begin(&bert, "three", NOW + 4).await, Known::New, "freed");
}

pub(crate) async fn of_two_same_requests_one_is_new(farm: &impl Farm) {
    let (ledger, anna) = (farm.ledger(), name("anna"));
    let begin = || ledger.begin_answer(&anna, "key", "one", Timestamp(NOW));
    let (a, b, c) = tokio::join!(begin(), begin(), begin());
    let known = [a.unwrap(), b.unwrap(), c.unwrap()];
    assert_eq!(known.iter().filter(|known| **known == Known::New).count(), 1, "{known:?}");
    assert_eq!(known.iter().filter(|known| **known == Known::Running).count(), 2, "{known:?}");
}

pub(crate) async fn keys_are_free_again_in_time(farm: &impl Farm) {
    let (ledger, anna) = (farm.ledger(), name("anna"));
    let begin = async |key: &str, request: &str, at| ledger.begin_answer(&anna, key, request, at).await.unwrap();
    let (start, minutes, days) = (Timestamp(NOW), Duration::from_mins(10), Duration::from_hours(24 * 7));
    let answer = Answer { request: "one".into(), status: 200, body: String::new() };
    begin("silent", "one", start).await;
    begin("told", "one", start).await;
    ledger.end_answer(&anna, "told", Some(&answer), start).await.unwrap();
    let almost = |wait: Duration| start.after(wait.checked_sub(Duration::from_millis(1)).unwrap());
    assert_eq!(begin("silent", "one", almost(minutes)).await, Known::Running);
    assert_eq!(begin("silent", "other", start.after(minutes)).await, Known::New);
    assert_eq!(begin("told", "one", almost(days)).await, Known::Answered(answer));
    assert_eq!(begin("told", "other", start.after(days)).await, Known::New);
}

pub(crate) async fn acts_are_kept_for_the_audit(farm: &impl Farm) {
    let ledger = farm.ledger();
    let (anna, bert) = (name("anna"), name("bert"));
    for (at, tenant, act) in [(1, &anna, "submit"), (2, &bert, "cancel"), (3, &anna, "retry")] {
        ledger.audit("token aaa", tenant, act, "job 7", Timestamp(at)).await.unwrap();
    }
    let acts = async |tenant, limit| {
        let acts = ledger.audited(tenant, limit).await.unwrap();
        acts.into_iter().map(|(at, _, _, act, _)| (at.0, act)).collect::<Vec<_>>()
    };
    assert_eq!(acts(None, 2).await, [(3, "retry".to_owned()), (2, "cancel".to_owned())]);
    assert_eq!(acts(Some(&anna), 9).await, [(3, "retry".to_owned()), (1, "submit".to_owned())]);
    let first = ledger.audited(Some(&bert), 1).await.unwrap();
    assert_eq!(first, [(Timestamp(2), "token aaa".into(), bert, "cancel".into(), "job 7".into())]);
}

pub(crate) async fn changes_of_access_are_in_the_audit(farm: &impl Farm) {
    let ledger = farm.ledger();
    ledger.add_token(&token("aaa"), "cli:anna").await.unwrap();
    ledger.set_tenant(&Tenant::unlimited(name("bert")), "tok-1", Timestamp(NOW + 1)).await.unwrap();
    assert!(!ledger.revoke("bbb", "tok-2", Timestamp(NOW + 2)).await.unwrap());
    assert!(ledger.revoke("aaa", "tok-2", Timestamp(NOW + 3)).await.unwrap());
    let acts = ledger.audited(None, 9).await.unwrap();
    let acts: Vec<_> = acts
        .iter()
        .rev()
        .map(|(at, who, tenant, act, on)| (at.0 - NOW, who.as_str(), tenant.as_str(), act.as_str(), on.as_str()))
        .collect();
    let expected = [
        (0, "cli:anna", "anna", "token.make", "aaa"),
        (1, "tok-1", "bert", "tenant.set", "bert"),
        (3, "tok-2", "anna", "token.revoke", "aaa"),
    ];
    assert_eq!(acts, expected);
}
