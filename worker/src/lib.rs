//! Claims tasks and makes what they ask for: ring, claim, fetch, make, keep, commit.
//!
//! [`Worker`] is the loop. `attempt` leads one claimed task through its steps and decides what an error means for it.
//! There is one file for each task kind: `prepare`, `segment`, `bridge`, `part`, `film`; they see the farm only through
//! `Work`. A worker whose lane is `stitch` is a stitcher.

mod attempt;
mod bridge;
mod checkpoint;
mod features;
mod film;
mod hold;
mod input;
mod latents;
mod moment;
mod part;
mod prepare;
mod renderers;
mod segment;
mod settings;
mod stop;
mod work;
mod worker;

pub use moment::{Moment, Watch};
pub use settings::Settings;
pub use worker::{Ports, Worker};
