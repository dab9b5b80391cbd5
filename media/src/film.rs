//! Films: parts are encoded on their own, joined without encoding again, and decoded for measuring.

mod decode;
mod encoded_sound;
mod fragment;
mod join;
mod original_sound;
mod part;
mod parts;
mod pieces;
mod still;
mod tags;

pub use decode::decode;
pub use fragment::{FragmentSound, FragmentSpec, excerpt, fragment};
pub use join::{JoinSpec, join, join_as_they_come};
pub use part::{PartSpec, PartWriter, Preset};
pub use pieces::cut_sound;
pub use still::first_frame_png;

use ffmpeg_next::Rational;
use shared::Fps;

/// The time base in which frame `n` has timestamp `n`.
fn frame_time(fps: Fps) -> Rational {
    // Rates are below 60000/1001 times 4 by construction and so fit 32 signed bits.
    Rational::new(i32::try_from(fps.den()).unwrap_or(i32::MAX), i32::try_from(fps.num()).unwrap_or(i32::MAX))
}
