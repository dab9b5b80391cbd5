//! The HTTP API over real stores and real files. Every answer is checked against the `OpenAPI` document on its way.

mod artifacts;
mod contract;
mod control;
mod document;
mod events;
mod explain;
mod harness;
mod idempotency;
mod jobs;
mod limits;
mod material;
mod operators;
mod postgres;
mod preview;
mod quality;
mod refusals;
mod retakes;
mod sources;
mod submit;
mod tenants;
mod tokens;
mod watch;
mod webhooks;
mod work;
