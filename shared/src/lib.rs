//! The words, the plan and the ports of the render farm.
//!
//! Everything here is pure: no file, socket, clock or async runtime is touched, so that every rule
//! that decides what a film looks like can be tested with nothing but numbers. The rooms above
//! (`stores`, `media`, `diffusion`) implement the traits in [`ports`]; `coordinator` and `worker`
//! use them without knowing which implementation they got. The words are those of `docs/glossary.md`.

pub mod bridge;
pub mod clock;
pub mod digest;
pub mod effort;
pub mod error;
pub mod face;
pub mod frames;
pub mod job;
pub mod log;
pub mod measure;
pub mod noise;
pub mod outage;
pub mod pace;
pub mod path;
pub mod pauses;
pub mod picture;
pub mod plan;
pub mod ports;
pub mod quality;
pub mod route;
pub mod seams;
pub mod shots;
pub mod span;
pub mod task;
pub mod tensor;
pub mod terms;
pub mod timecode;

pub use clock::{Clock, Timestamp};
pub use error::{Error, Result, Verdict};
pub use face::Portrait;
pub use frames::Frames;
pub use job::{Hold, JobId, JobState, Order};
pub use picture::{FaceBox, Picture};
pub use plan::{Cuts, Join, Layout, Plan, Shape, TaskNode};
pub use route::{Demand, Reach, Route, memory_class};
pub use task::{TaskId, TaskKey, TaskKind, TaskState};
pub use tensor::{Bundle, Tensor};
pub use terms::{Name, Priority, Terms};
pub use timecode::{Fps, Timecode};
