//! `GET /v1/jobs`.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use shared::{JobState, Timestamp, ports::records::JobFilter};

use crate::api::{
    caller::Caller,
    extract::Asked,
    farm::Shared,
    problem::{Answer, Problem},
    wire::{Page, job::JobBody},
};

/// Which jobs are listed.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobsQuery {
    /// Only in one of these states, joined by commas: `running,failed`.
    state: Option<String>,
    /// Only with these labels: `name:value,name:value`.
    label: Option<String>,
    /// Only with this name given by the customer.
    external_id: Option<String>,
    /// Only of this tenant; operators see all when it is absent.
    tenant: Option<String>,
    /// Where the next page begins, as the last one said.
    cursor: Option<String>,
    /// Most jobs on the page, 1 to 500; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists jobs, the latest first.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", params(JobsQuery),
    responses(
        (status = 200, description = "One page", body = Page<JobBody>),
    )
)]
pub(crate) async fn list(
    State(farm): Shared,
    caller: Caller,
    Asked(query): Asked<JobsQuery>,
) -> Answer<Json<Page<JobBody>>> {
    let mut filter = filter(&query)?;
    let asked = query.tenant.as_deref().map(str::parse::<shared::Name>).transpose();
    let asked = asked.map_err(|error| Problem::of_field("tenant", &error))?;
    filter.tenant = match (caller.sees(), asked) {
        (None, asked) => asked,
        // Another tenant's jobs are none: as if there were no such tenant.
        (Some(own), Some(asked)) if *own != asked => return Ok(Json(Page { items: Vec::new(), next: None })),
        (Some(own), _) => Some(own.clone()),
    };
    let found = farm.ledger().jobs(&filter).await?;
    let full = found.len() as u32 == filter.limit;
    let next = found.last().filter(|_| full).map(|last| cursor(last.job.submitted, last.job.id.as_str()));
    let items = found.iter().map(|listed| JobBody::new(&listed.job, &listed.progress)).collect();
    Ok(Json(Page { items, next }))
}

fn filter(query: &JobsQuery) -> Answer<JobFilter> {
    let limit = query.limit.unwrap_or(50);
    if !(1..=500).contains(&limit) {
        return Err(Problem::field("limit", format!("a page of {limit}")).mend("give 1 to 500"));
    }
    let states = query.state.iter().flat_map(|text| text.split(','));
    let states = states.map(|name| {
        let unknown = || Problem::field("state", format!("there is no state \"{name}\""));
        JobState::named(name).ok_or_else(|| unknown().mend("the states are running, done, failed and cancelled"))
    });
    let labels = query.label.iter().flat_map(|text| text.split(','));
    let labels = labels.map(|label| {
        let pair = label.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        pair.ok_or_else(|| Problem::field("label", format!("\"{label}\" is no label")).mend("write name:value"))
    });
    Ok(JobFilter {
        tenant: None,
        states: states.collect::<Answer<_>>()?,
        labels: labels.collect::<Answer<BTreeMap<_, _>>>()?,
        external_id: query.external_id.clone(),
        after: query.cursor.as_deref().map(place).transpose()?,
        limit,
    })
}

/// A place in the list, opaque to clients so that it may change.
fn cursor(submitted: Timestamp, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{id}", submitted.0))
}

fn place(cursor: &str) -> Answer<(Timestamp, shared::JobId)> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (ms, id) = text.split_once('.')?;
        Some((Timestamp(ms.parse().ok()?), id.parse().ok()?))
    };
    read().ok_or_else(|| Problem::field("cursor", "the cursor is none that an earlier page returned"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_and_others_are_refused() {
        let id = "0123456789abcdef0123456789abcdef";
        let (at, found) = place(&cursor(Timestamp(12), id)).unwrap();
        assert_eq!((at, found.as_str()), (Timestamp(12), id));
        for text in ["", "x", &URL_SAFE_NO_PAD.encode("1"), &URL_SAFE_NO_PAD.encode("a.b")] {
            assert!(place(text).is_err(), "{text}");
        }
    }
}
