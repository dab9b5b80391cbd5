//! What an operator decides about the API.

use std::{path::PathBuf, sync::Arc, time::Duration};

use shared::{Fps, ports::Blobs, seams::Cutting};

use crate::egress::Reachable;

/// Settings of the API; [`Settings::new`] has the defaults.
#[derive(Clone)]
pub struct Settings {
    /// The model pack of orders that name none.
    pub model: String,
    /// Frames per second of orders that say none.
    pub fps: Fps,
    /// Clips in a segment of orders that say none.
    pub segment_clips: u32,
    /// Segments in a part of orders that say none.
    pub part_segments: u32,
    /// How films are cut into chains whose orders say nothing of it.
    pub cutting: Cutting,
    /// Whether every order must say why its portrait may be used.
    pub consent_required: bool,
    /// Where inputs lie while their job is being submitted.
    pub scratch: PathBuf,
    /// From where inputs may be fetched.
    pub sources: Sources,
    /// Whom webhooks may reach.
    pub webhooks: Reachable,
    /// What requests may cost.
    pub limits: Limits,
}

impl Settings {
    /// The defaults: inputs are uploaded, nothing is fetched, webhooks reach public addresses only.
    pub fn new(model: impl Into<String>, scratch: PathBuf) -> Self {
        Self {
            model: model.into(),
            fps: Fps::PAL,
            segment_clips: 4,
            part_segments: 2,
            cutting: Cutting::default(),
            consent_required: false,
            scratch,
            sources: Sources::default(),
            webhooks: Reachable::Public,
            limits: Limits::default(),
        }
    }
}

/// What stands for the name of the tenant in a place of inputs.
pub const TENANT: &str = "{tenant}";

/// From where inputs may be fetched. Nothing is allowed by default.
#[derive(Clone)]
pub struct Sources {
    /// Hosts of `https` URLs: a name, `*.example.com` for every name below it, or `*` for any host.
    pub hosts: Vec<String>,
    /// Whether the same hosts may be asked by plain `http`.
    pub plain_http: bool,
    /// Which addresses those hosts may have.
    pub reachable: Reachable,
    /// Directories below which `file` URLs may lie. `{tenant}` in one stands for the tenant whose job it is.
    pub directories: Vec<PathBuf>,
    /// Buckets: the beginning of an `s3` URL, such as `s3://inputs/studio-7` or `s3://inputs/{tenant}`, and the store that keeps what is
    /// below it, or below what stands before `/{tenant}`. Without `{tenant}` every tenant may name what lies there.
    pub buckets: Vec<(String, Arc<dyn Blobs>)>,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            plain_http: false,
            reachable: Reachable::Public,
            directories: Vec::new(),
            buckets: Vec::new(),
        }
    }
}

/// What requests may cost. Every one of these has a test that reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a portrait.
    pub portrait_bytes: u64,
    /// Bytes of a track.
    pub audio_bytes: u64,
    /// Bytes of a JSON body.
    pub json_bytes: usize,
    /// Requests answered at once.
    pub requests: usize,
    /// Submissions and estimates, which may hold files, at once.
    pub uploads: usize,
    /// Streams of events at once.
    pub streams: usize,
    /// Time for a request.
    pub request: Duration,
    /// Time for a submission or an estimate with its uploads.
    pub upload: Duration,
    /// Silence of a client or a source in the middle of a body.
    pub silence: Duration,
    /// The longest wait of a long poll.
    pub wait: Duration,
    /// Time between two looks at the ledger by somebody who waits.
    pub look: Duration,
    /// Time between two signs of life on a silent stream of events.
    pub heartbeat: Duration,
    /// How long a link to an artifact is good.
    pub link: Duration,
    /// For how long a count of the whole farm is told again instead of counting anew.
    pub overview: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            portrait_bytes: 64 << 20,
            audio_bytes: 8 << 30,
            json_bytes: 1 << 20,
            requests: 512,
            uploads: 16,
            streams: 256,
            request: Duration::from_secs(30),
            upload: Duration::from_hours(1),
            silence: Duration::from_mins(1),
            wait: Duration::from_mins(1),
            look: Duration::from_secs(1),
            heartbeat: Duration::from_secs(15),
            link: Duration::from_mins(15),
            overview: Duration::from_secs(5),
        }
    }
}
