//! Arguments of the roles of a farm.

use std::net::SocketAddr;

use clap::Args;
use shared::Name;

use super::numbers::parse;

/// Arguments of `coordinator`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm coordinator
  EMOFARM_LEDGER_URL=postgres://farm@db/farm EMOFARM_QUEUE_URL=amqp://farm@broker \\
    EMOFARM_BLOBS_URL='s3://films?region=eu-central-1' emofarm coordinator --listen 0.0.0.0:8080

Any number of coordinators may run on one ledger. While the ledger has no token the API answers this machine only,
and elsewhere nothing but /healthz and /readyz: make one with \"emofarm token create\", and it opens within seconds.
SIGTERM finishes the requests at hand; a second signal ends at once.")]
pub(crate) struct CoordinatorArgs {
    /// Where the API listens [setting: listen].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Answer /healthz, /readyz and /metrics there without a token [setting: health].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) health: Option<SocketAddr>,
    /// Bring the ledger's tables up to date first, as `emofarm migrate` does.
    #[arg(long)]
    pub(crate) migrate: bool,
}

/// Arguments of `worker`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm worker
  emofarm worker --pool studio --pool default --gpu-memory 24000 --health 0.0.0.0:9090
  emofarm worker --device cuda:0

SIGTERM gives the task at hand back with the clips that are done, in under 10 seconds and without an attempt being
counted; a second signal ends at once.")]
pub(crate) struct WorkerArgs {
    /// What every role that takes tasks can be told.
    #[command(flatten)]
    pub(crate) hand: HandArgs,
    /// Memory of the GPU in MiB; tasks that need more are left to others [setting: `gpu_memory`; else what the card has].
    #[arg(long, value_name = "MIB")]
    pub(crate) gpu_memory: Option<u32>,
}

/// Arguments of `stitcher`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm stitcher
  emofarm stitcher --pool studio --health 0.0.0.0:9090

A stitcher decodes and encodes parts and joins films. Parts are decoded by the model, so it needs the packs too, but no GPU; it uses one where
`--device` finds one.")]
pub(crate) struct StitcherArgs {
    /// What every role that takes tasks can be told.
    #[command(flatten)]
    pub(crate) hand: HandArgs,
}

/// What every role that takes tasks can be told.
#[derive(Debug, Default, Args)]
pub(crate) struct HandArgs {
    /// A pool whose tasks are taken; may be given several times [setting: pools].
    #[arg(long = "pool", value_name = "NAME", value_parser = parse::<Name>)]
    pub(crate) pools: Vec<Name>,
    /// Answer /healthz, /readyz and /metrics there [setting: health].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) health: Option<SocketAddr>,
}

/// Arguments of `all`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm all
  emofarm all --listen 127.0.0.1:9000 --workers 2

A farm of one machine: API, sweep, workers and a stitcher in one process. Without URLs, records and films are kept in farm/
below the data directory; with them, this process joins the farm that they name.")]
pub(crate) struct AllArgs {
    /// Where the API listens [setting: listen].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Tasks of the network that are worked on at once.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) workers: u32,
    /// Parts that are encoded at once.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) stitchers: u32,
}
