//! The EMO network (arXiv 2402.17485) in candle, model packs of its and of Hallo's family, and the `test-pattern` model that needs no weights.
//!
//! [`open`] turns the name of a pack into a [`Model`](shared::ports::model::Model); everything above this room
//! works with that trait and never sees candle.

pub mod bench;
mod cuda;
mod device;
mod emo;
pub mod face;
mod find;
pub mod finish;
mod forms;
mod hallo;
pub mod hub;
mod import;
mod inspect;
mod installed;
mod kernels;
mod known;
mod latents;
mod listen;
mod measure;
mod mel;
mod net;
pub mod pack;
pub mod pattern;
mod pickle;
mod rows;
mod sampler;
mod schedule;
pub mod trial;
mod wav2vec;

pub use device::Device;
pub use find::{open, open_on};
pub use hallo::{FlopPart, FlopReport, LevelCost, StepKinds, VerifyOptions, VerifyReport, VerifyRow};
pub use import::{ImportProgress, import};
pub use inspect::{FileReport, PackReport, PackSummary, PartReport, TensorReport, inspect, packs};
pub use installed::Installed;
pub use measure::{flops, verify};

#[cfg(test)]
#[path = "../tests/parity/mod.rs"]
mod parity;
