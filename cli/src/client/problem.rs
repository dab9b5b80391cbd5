//! What an error of the farm says, by RFC 9457 (<https://www.rfc-editor.org/rfc/rfc9457>).

use reqwest::{Response, StatusCode};
use shared::Error;

/// Longest body that is read of an answer that is no success.
const MOST: usize = 64 * 1024;

/// A problem document; proxies and other programs send anything else.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
    mend: Option<String>,
    trace_id: Option<String>,
    retryable: bool,
}

/// The error that an answer stands for.
pub(super) async fn error(mut answer: Response) -> Error {
    let (status, place) = (answer.status(), answer.url().path().to_owned());
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() > MOST {
            break;
        }
    }
    let problem = serde_json::from_slice(&body).unwrap_or_default();
    tell(status, &place, problem)
}

fn tell(status: StatusCode, place: &str, problem: Problem) -> Error {
    let Problem { title, detail, code, mend, trace_id, retryable } = problem;
    let title = title.map(|title| title.trim_end_matches('.').to_owned());
    let what = match (title, detail) {
        // A detail that repeats the title says all there is.
        (Some(title), Some(detail)) if !detail.starts_with(&title) => format!("{title}: {detail}"),
        (_, Some(detail)) => detail,
        (Some(title), None) => title,
        (None, None) => format!("{place} was answered with {status}"),
    };
    let marks: Vec<String> = [code, trace_id.map(|id| format!("trace {id}"))].into_iter().flatten().collect();
    let what = if marks.is_empty() { what } else { format!("{what} [{}]", marks.join(", ")) };
    let error = match status.as_u16() {
        429 | 502..=504 => Error::unreachable(what),
        500.. => Error::world(what),
        _ if retryable => Error::world(what),
        _ => Error::order(what),
    };
    match (mend, status.as_u16()) {
        (Some(mend), _) => error.mend(mend),
        (None, 401) => error.mend("give a token in EMOFARM_TOKEN; \"emofarm token create\" makes one"),
        (None, 403) => error.mend("ask the farm's operator for a token that allows this"),
        (None, _) => error,
    }
}

/// Whether an error is what the farm says with this code.
pub(crate) fn has_code(error: &Error, code: &str) -> bool {
    let message = error.message();
    [",", "]"].iter().any(|end| message.contains(&format!("[{code}{end}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::error::Cause;

    fn told(status: u16, body: &str) -> Error {
        tell(StatusCode::from_u16(status).unwrap(), "/v1/jobs", serde_json::from_str(body).unwrap_or_default())
    }

    #[test]
    fn a_problem_is_told_with_title_detail_code_and_mend() {
        let error = told(
            422,
            r#"{"title":"The order cannot be met.","detail":"speech.txt holds no audio","code":"bad_audio",
                "mend":"choose a file with sound","trace_id":"1f","extra":1}"#,
        );
        assert_eq!(
            error.to_string(),
            "The order cannot be met: speech.txt holds no audio [bad_audio, trace 1f] (choose a file with sound)"
        );
        assert_eq!(error.cause(), Cause::Order);
        assert!(has_code(&error, "bad_audio") && !has_code(&error, "bad"));
        let full = told(403, r#"{"code":"too_many_jobs","retryable":true}"#);
        assert!(has_code(&full, "too_many_jobs") && full.cause() == Cause::World);
    }

    #[test]
    fn whatever_else_answers_is_named_and_the_cause_follows_the_status() {
        assert!(told(401, "<html>").to_string().contains("EMOFARM_TOKEN"));
        assert_eq!(told(404, "").to_string(), "/v1/jobs was answered with 404 Not Found");
        let causes = [(400, Cause::Order), (500, Cause::World), (503, Cause::Unreachable), (429, Cause::Unreachable)];
        for (status, cause) in causes {
            assert_eq!(told(status, "{}").cause(), cause, "{status}");
        }
    }
}
