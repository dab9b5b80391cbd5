//! `GET /v1/backlog`: the number that autoscalers act on.

use axum::{Json, extract::State};
use shared::{Name, ports::access::Role, task::Lane};

use crate::api::{
    caller::Caller,
    extract::Asked,
    farm::Shared,
    problem::{Answer, Problem},
    wire::crew::BacklogBody,
};

/// Whose backlog.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct BacklogQuery {
    /// The pool; `default` when absent.
    pool: Option<String>,
    /// `render` or `stitch`; `render` when absent.
    lane: Option<String>,
}

/// Tells how much work waits for a pool: 0 in all fields when there is none, so that an autoscaler can scale to zero. The
/// numbers are at most five seconds old.
#[utoipa::path(
    get, path = "/v1/backlog", tag = "workers", params(BacklogQuery),
    responses((status = 200, description = "The work of one lane and pool", body = BacklogBody))
)]
pub(crate) async fn backlog(
    State(farm): Shared,
    caller: Caller,
    Asked(query): Asked<BacklogQuery>,
) -> Answer<Json<BacklogBody>> {
    caller.needs(Role::Operator)?;
    let pool = query.pool.as_deref().map_or(Ok(Name::house()), str::parse);
    let pool = pool.map_err(|error: shared::Error| Problem::of_field("pool", &error))?;
    let named = query.lane.as_deref().unwrap_or("render");
    let lane = Lane::ALL.into_iter().find(|lane| lane.name() == named);
    let lane = lane.ok_or_else(|| Problem::field("lane", format!("there is no lane \"{named}\"")))?;
    let overview = farm.overview().await?;
    let found = overview.backlogs.iter().find(|one| one.lane == lane && one.pool == pool);
    let (pool, lane) = (pool.to_string(), lane.name().to_owned());
    Ok(Json(match found {
        None => BacklogBody { pool, lane, tasks: 0, waiting: 0, seconds: 0.0, workers: 0 },
        Some(one) => BacklogBody {
            pool,
            lane,
            tasks: one.waiting + one.leased,
            waiting: one.waiting,
            seconds: (one.seconds * 10.0).round() / 10.0,
            workers: one.workers,
        },
    }))
}
