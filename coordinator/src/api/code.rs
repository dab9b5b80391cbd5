//! The stable codes of everything that the API refuses.

use axum::http::StatusCode;

macro_rules! codes {
    ($($variant:ident $name:literal $status:ident $retryable:literal $title:literal,)*) => {
        /// Why a request was refused. Clients tell cases apart by [`Code::name`], which never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as clients see it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// Whether the same request may succeed later.
            pub fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* }
            }

            /// What it means, in a few words that are the same for every case.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    Malformed "malformed" BAD_REQUEST false "The request cannot be read.",
    Unauthenticated "unauthenticated" UNAUTHORIZED false "A valid bearer token is needed.",
    Forbidden "forbidden" FORBIDDEN false "The token does not allow this.",
    SourceRefused "source_refused" FORBIDDEN false "The operator does not allow inputs from there.",
    PriorityTooHigh "priority_too_high" FORBIDDEN false "The tenant may not order this urgently.",
    TooManyJobs "too_many_jobs" FORBIDDEN true "The tenant has as many running jobs as it may.",
    NotFound "not_found" NOT_FOUND false "There is no such thing.",
    NotMadeYet "not_made_yet" NOT_FOUND true "It is not made yet.",
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED false "The path does not know this method.",
    InProgress "in_progress" CONFLICT true "The same request is being answered.",
    JobEnded "job_ended" CONFLICT false "The job has ended.",
    InputsGone "inputs_gone" CONFLICT false "The job's inputs were removed.",
    NothingToApprove "nothing_to_approve" CONFLICT false "The job does not wait for its preview.",
    JobRunning "job_running" CONFLICT false "The job is running.",
    TooLarge "too_large" PAYLOAD_TOO_LARGE false "The request is larger than allowed.",
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE false "The body has a type that is not understood.",
    RangeNotSatisfiable "range_not_satisfiable" RANGE_NOT_SATISFIABLE false "The range lies outside of the file.",
    InvalidField "invalid_field" UNPROCESSABLE_ENTITY false "A field is unknown, of the wrong type or outside of its limits.",
    BadInput "bad_input" UNPROCESSABLE_ENTITY false "No film can be made of this order.",
    BadName "bad_name" UNPROCESSABLE_ENTITY false "A file has a name that is not allowed.",
    ConsentRequired "consent_required" UNPROCESSABLE_ENTITY false "The order must say why the portrait may be used.",
    FilmTooLong "film_too_long" UNPROCESSABLE_ENTITY false "The film is longer than the tenant may order.",
    KeyReused "key_reused" UNPROCESSABLE_ENTITY false "The idempotency key was used for another request.",
    NoTokenYet "no_token_yet" SERVICE_UNAVAILABLE true "The farm has no token yet.",
    TimedOut "timed_out" SERVICE_UNAVAILABLE true "The request took too long.",
    Busy "busy" SERVICE_UNAVAILABLE true "Too many requests are being answered.",
    Unreachable "unreachable" SERVICE_UNAVAILABLE true "A store of the farm does not answer.",
    SourceUnreachable "source_unreachable" BAD_GATEWAY true "An input cannot be fetched.",
    Broken "broken" INTERNAL_SERVER_ERROR true "Something broke; the log of the coordinator says what.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_plain() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
