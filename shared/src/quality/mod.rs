//! How good a film is, measured on its pictures and latents alone: no other network judges what one network drew.
//!
//! `regions` says where to look, `look` measures one picture, `motion` two or three in a row, `speech` the sound beside them and how the
//! mouth follows it. [`Reference`] is the portrait as the network itself draws it, which everything is compared with; [`Inspector`] measures
//! pictures as they come; [`Likeness`] is what a clip's end is judged by, and [`gate`] says what is too much. [`Summary`] is a film at a glance.

#[cfg(test)]
pub(crate) mod drawn;
pub mod gate;
mod inspect;
mod joins;
mod look;
mod motion;
mod record;
mod reference;
mod regions;
mod speech;
mod summary;

pub use gate::Fault;
pub use inspect::Inspector;
pub use joins::{JoinAt, joins};
pub use look::{Colour, dark_share, eye_contrast, is_black, sharpness, sharpness_but};
pub use motion::{FROZEN, STILL, difference, flicker, seam_score};
pub use record::{ClipQuality, Measured, PartQuality, Quality, Refused};
pub use reference::{Likeness, Reference};
pub use regions::Regions;
pub use speech::{Follows, MOST_LAG, SpeechMeter, follows};
pub use summary::{Event, Seam, Stretch, Summary};

/// Four digits after the point are more than any of the measures mean.
fn short(x: f32) -> f32 {
    (x * 1e4).round() / 1e4
}
