//! Pictures, sound and film: everything that FFmpeg and the picture decoders do for the farm.
//!
//! * [`portrait`] reads and crops the picture that is to speak.
//! * [`audio`] measures the speech track and streams it as 16 kHz mono.
//! * [`pauses`] finds out where nobody speaks.
//! * [`film`] encodes parts, joins them with the original sound, and decodes films again.
//! * [`probe`] says what a finished film holds.
//! * [`canvas`] draws charts.
//! * [`chart`] draws measures over time.
//! * [`codecs`] says what this FFmpeg can do.
//!
//! The code is synchronous and starts no process. Every reader and writer streams: memory does not
//! grow with the length of a track or a film. FFmpeg sees files only through [`std::fs::File`], so a
//! playlist cannot make it open another file. Scalers of FFmpeg are bound to their thread: create
//! a [`film::PartWriter`] on the thread that writes to it.

pub mod audio;
pub mod canvas;
pub mod chart;
pub mod codecs;
pub mod film;
pub mod pauses;
pub mod portrait;
pub mod probe;

mod boxes;
mod colour;
mod fault;
mod input;
mod sink;

use std::sync::OnceLock;

use shared::{Error, Result};

/// Prepares FFmpeg and silences its log, which would otherwise go to the terminal.
///
/// May be called any number of times; every function of this crate calls it by itself.
///
/// # Errors
/// When FFmpeg refuses to start.
pub fn init() -> Result<()> {
    static STARTED: OnceLock<Result<(), ffmpeg_next::Error>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        ffmpeg_next::init()?;
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
        Ok(())
    });
    started.map_err(|error| Error::world("FFmpeg does not start").from_source(error))
}
