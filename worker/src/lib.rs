//! Takes tasks and makes what they ask for: ring, take, fetch, make, keep, commit.
//!
//! [`Worker`] is the loop. `attempt` leads one task through its steps, `verdict` tells the ledger how it ended.
//! There is one file for each task kind: `prepare`, `segment`, `bridge`, `part`, `film`; they see the farm only through
//! `Work`. A worker whose lane is `stitch` is a stitcher.

mod attempt;
mod bridge;
mod checkpoint;
mod desks;
mod ears;
mod features;
mod film;
mod gate;
mod hold;
mod input;
mod journal;
mod latents;
mod moment;
mod part;
mod patiently;
mod post;
mod prepare;
mod quality;
mod renderers;
mod segment;
mod settings;
mod shelf;
mod sound;
mod stop;
mod streak;
mod tempo;
mod verdict;
mod work;
mod worker;

pub use moment::{Moment, Watch};
pub use settings::Settings;
pub use shelf::Shelf;
pub use worker::{Ports, Worker};
