//! The SDK, set up for one server.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, profile::ProfileFileCredentialsProvider, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_s3::{
    Client,
    config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation},
};

use super::address::Address;

/// Of one call. A store that fails every fifth call fails one in 400,000 for good.
const MOST_TRIES: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);
/// Until the first byte of an answer.
const ANSWER: Duration = Duration::from_secs(30);

/// The client for all calls, and the one that signs links. Nothing is connected yet.
pub(super) async fn clients(address: &Address) -> (Client, Client) {
    let retry = RetryConfig::standard()
        .with_max_attempts(MOST_TRIES)
        .with_initial_backoff(FIRST_WAIT)
        .with_max_backoff(LONGEST_WAIT);
    let timeout = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(ANSWER).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).retry_config(retry).timeout_config(timeout);
    // Servers other than Amazon's have one region, and this name for it; without a name the SDK would ask the cloud's metadata service.
    let other = address.endpoint.is_some().then_some("us-east-1");
    if let Some(region) = address.region.as_deref().or(other) {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(file) = &address.credentials {
        loader = loader.credentials_provider(from_file(file));
    }
    let shared = loader.load().await;
    let mut config = Builder::from(&shared).force_path_style(address.path_style);
    if address.checksums_when_required {
        config = config
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    let with = |config: Builder, endpoint: Option<&String>| match endpoint {
        Some(endpoint) => Client::from_conf(config.endpoint_url(endpoint).build()),
        None => Client::from_conf(config.build()),
    };
    let links = address.public_endpoint.as_ref().or(address.endpoint.as_ref());
    (with(config.clone(), address.endpoint.as_ref()), with(config, links))
}

#[expect(deprecated, reason = "its successor lies in a crate that the SDK does not mean to be named")]
fn from_file(file: &std::path::Path) -> ProfileFileCredentialsProvider {
    use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
    let files = ProfileFiles::builder().with_file(ProfileFileKind::Credentials, file).build();
    ProfileFileCredentialsProvider::builder().profile_files(files).build()
}
