//! The Hallo network (arXiv 2406.08801), as its authors published it with its weights.
//!
//! The blocks are those of the EMO network wherever they are the same thing. What never changes during a film, and what
//! never changes during a clip, is made once; each saving names the row of the table in `docs/network.md`, and a test
//! holds it against the plain form.

mod audio;
mod denoiser;
mod face;
mod film;
mod flops;
mod golden;
mod model;
mod motion;
mod network;
mod plain;
mod prepared;
mod projection;
mod reading;
mod reference;
mod region;
mod release;
mod render;
mod spatial;
mod verify;

pub(crate) use flops::flops;
pub use flops::{FlopPart, FlopReport, LevelCost, StepKinds};
pub(crate) use model::{HalloModel, autoencoder, card, faces, fits, manner};
pub(crate) use motion::dead;
pub(crate) use verify::verify;
pub use verify::{VerifyOptions, VerifyReport, VerifyRow};

use network::{attends, unet_of};

#[cfg(test)]
mod tests;
