//! `GET /v1/jobs/{id}/quality`.

use axum::{Json, extract::State};

use super::tasks::page;
use crate::api::{
    caller::Caller,
    extract::{Asked, Named},
    farm::Shared,
    problem::{Answer, Problem},
    wire::{Page, quality::QualityBody},
};

/// A part of what was measured.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct QualityQuery {
    /// Where the next page begins, as the last one said.
    cursor: Option<String>,
    /// Most items on the page, 1 to 1000; 200 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Tells what was measured of a job's clips and pictures, in the order of the film: of clips when their segment is done, of pictures when
/// their part is encoded.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/quality", tag = "jobs",
    params(("id" = String, Path, description = "The job"), QualityQuery),
    responses((status = 200, description = "One page", body = Page<QualityBody>))
)]
pub(crate) async fn list(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
    Asked(query): Asked<QualityQuery>,
) -> Answer<Json<Page<QualityBody>>> {
    let job = caller.job(&farm, &id).await?;
    let limit = query.limit.unwrap_or(200);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::field("limit", format!("a page of {limit}")).mend("give 1 to 1000"));
    }
    let skip = query.cursor.as_deref().map_or(Ok(0), str::parse);
    let skip = skip.map_err(|_| Problem::field("cursor", "the cursor is none that an earlier page returned"))?;
    let found = farm.ledger().quality(&job.id, skip, limit + 1).await?;
    Ok(Json(page(found.into_iter().map(QualityBody::from).collect(), skip, limit)))
}
