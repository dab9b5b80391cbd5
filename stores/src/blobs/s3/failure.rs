//! What the SDK says, in words that tell what to do.

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};
use shared::Error;

use super::address::Address;

/// What the SDK answers when a call failed.
pub(super) type Failed<E> = SdkError<E, HttpResponse>;

/// The status of the server's answer, where there is one.
pub(super) fn status<E>(error: &Failed<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

/// The error for a call that failed after all its tries. Whatever it is, the same call may succeed once somebody has mended the store, so
/// no task fails for good because of it.
pub(super) fn explain<E>(address: &Address, what: &str, error: &Failed<E>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let (status, code) = (status(error), error.code().unwrap_or_default().to_owned());
    let text = DisplayErrorContext(error).to_string();
    let told = match error {
        SdkError::ServiceError(answer) => {
            let said = answer.err().message().unwrap_or("nothing more");
            format!("the server answers {} {code}: {said}", status.unwrap_or_default())
        }
        _ => innermost(error),
    };
    let mend = match (status, code.as_str()) {
        (_, "NoSuchBucket") => Some(no_such_bucket(address)),
        (Some(403), _) => Some(
            "check the credentials, the clock, and that the policy of the bucket allows GetObject, PutObject, DeleteObject, ListBucket and \
             AbortMultipartUpload"
                .into(),
        ),
        (Some(301 | 307), _) | (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") => {
            Some("the bucket is in another region: set the parameter region of the URL".into())
        }
        (Some(400 | 501), _) if !address.checksums_when_required => Some(
            "a server that does not know the checksums of the AWS SDK answers like this: add checksums=when_required to the URL".into(),
        ),
        (None, _) if text.contains("credentials") => Some(
            "give credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, a web identity, or the parameter credentials of \
             the URL"
                .into(),
        ),
        (None, _) => Some("check the endpoint, and whether the server runs".into()),
        _ => None,
    };
    let failed = Error::unreachable(format!("cannot {what} in {address}: {told}"));
    match mend {
        Some(mend) => failed.mend(mend),
        None => failed,
    }
}

/// What to do about a bucket that is not there.
pub(super) fn no_such_bucket(address: &Address) -> String {
    let endpoint = address.endpoint.as_ref().map(|endpoint| format!(" --endpoint-url {endpoint}")).unwrap_or_default();
    format!("make the bucket: aws s3 mb s3://{}{endpoint}", address.bucket)
}

/// The cause at the bottom, such as "Connection refused"; what lies above it are names of layers.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
