//! The endpoints, one file for each subject.

pub(super) mod artifacts;
pub(super) mod audit;
pub(super) mod backlog;
pub(super) mod control;
pub(super) mod dead_letters;
pub(super) mod deliveries;
pub(super) mod estimate;
pub(super) mod events;
pub(super) mod explain;
pub(super) mod health;
pub(super) mod job;
pub(super) mod jobs;
pub(super) mod logs;
pub(super) mod metrics;
pub(super) mod quality;
pub(super) mod retakes;
pub(super) mod submit;
pub(super) mod tasks;
pub(super) mod tenants;
pub(super) mod tokens;
pub(super) mod watch;
pub(super) mod workers;
