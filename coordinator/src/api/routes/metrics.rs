//! `/metrics`: what Prometheus reads.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use shared::Name;

use crate::{
    api::{
        caller::Caller,
        farm::{Farm, Shared},
        problem::Answer,
    },
    telemetry,
};

/// Metrics of this process and of the whole farm, in the text format of Prometheus. They name pools and never jobs; who is no operator
/// is not told of other tenants. On the address for probes the same is answered without a token.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, description = "All metrics", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(farm): Shared, caller: Caller) -> Answer<Response> {
    let text = text(&farm).await?;
    Ok(document(match caller.sees() {
        None => text,
        Some(tenant) => without_others(&text, tenant),
    }))
}

/// The same without a token, for listeners that only those can reach who watch over the farm.
pub(crate) async fn open(State(farm): Shared) -> Answer<Response> {
    Ok(document(text(&farm).await?))
}

async fn text(farm: &Farm) -> Answer<String> {
    let overview = farm.overview().await?;
    Ok(telemetry::render() + &telemetry::farm(&overview))
}

fn document(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// The lines that are not about tenants other than `tenant`.
fn without_others(text: &str, tenant: &Name) -> String {
    let own = format!("tenant=\"{tenant}\"");
    let about = |line: &&str| line.starts_with('#') || !line.contains("tenant=\"") || line.contains(&own);
    text.lines().filter(about).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_other_tenants_are_left_out() {
        let text = "# HELP a tenant=\"b\"\na{tenant=\"anna\",x=\"1\"} 1\na{tenant=\"annabel\"} 2\nb 3\n";
        let anna: Name = "anna".parse().unwrap();
        assert_eq!(without_others(text, &anna), "# HELP a tenant=\"b\"\na{tenant=\"anna\",x=\"1\"} 1\nb 3\n");
    }
}
