//! Stitching: pictures to parts, parts to a film.

use std::path::Path;

use media::film::{JoinSpec, PartSpec, PartWriter, Preset, join};
use shared::{Error, Fps, Picture, Result};

use super::row::{Rows, Work};

/// Edge of the pictures.
const EDGE: u32 = 512;

/// Frames of a part.
const PART: u32 = 96;

/// Parts of the film.
const PARTS: usize = 10;

/// Encodes a part, and joins some to a film.
pub(super) fn stitch(rows: &mut Rows) -> Result<()> {
    let dir = tempfile::tempdir().map_err(|e| Error::world("no directory for films can be made").from_source(e))?;
    let (part, sound, film) = (dir.path().join("part.mp4"), dir.path().join("sound.wav"), dir.path().join("film.mp4"));
    let pictures = pictures()?;
    let work = Work {
        what: format!("encoding of {PART} frames of {EDGE} x {EDGE}"),
        count: f64::from(PART),
        unit: "frames",
        flops: 0,
    };
    rows.time(work, || encode(&part, &pictures))?;
    let frames = u64::from(PART) * PARTS as u64;
    tone(&sound, frames)?;
    let what = format!("joining of {PARTS} parts with their sound");
    let parts = vec![part; PARTS];
    rows.time(Work { what, count: frames as f64, unit: "frames", flops: 0 }, || {
        let spec = JoinSpec { fps: Fps::PAL, frames, metadata: Vec::new(), cancel: &|| false };
        join(&parts, &sound, &film, &spec).map(drop)
    })
}

fn encode(path: &Path, pictures: &[Picture]) -> Result<()> {
    let mut writer =
        PartWriter::create(path, PartSpec { preset: Preset::Veryfast, ..PartSpec::new(EDGE, EDGE, Fps::PAL) })?;
    for picture in pictures {
        writer.write(picture)?;
    }
    writer.finish().map(drop)
}

/// A bright disc that wanders over a gradient with some grain.
fn pictures() -> Result<Vec<Picture>> {
    let draw = |frame: u32| {
        let (edge, turn) = (EDGE as f32, frame as f32 / PART as f32 * std::f32::consts::TAU);
        let (left, top) = (edge * (0.5 + 0.1 * turn.sin()), edge * (0.5 + 0.05 * (3.0 * turn).cos()));
        let mut state = frame.wrapping_mul(2_654_435_761) | 1;
        let mut data = Vec::with_capacity(3 * (EDGE * EDGE) as usize);
        for y in 0..EDGE {
            for x in 0..EDGE {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let inside = (x as f32 - left).hypot(y as f32 - top) < edge / 5.0;
                let light = if inside { 200 } else { 40 + (x / 8 + y / 16) as u8 };
                data.extend([light, light / 2 + 20, 90].map(|channel: u8| channel.saturating_add((state >> 30) as u8)));
            }
        }
        Picture::new(EDGE, EDGE, data)
    };
    (0..PART).map(draw).collect()
}

/// A WAV of 16 kHz as long as `frames`.
fn tone(path: &Path, frames: u64) -> Result<()> {
    let bytes = (frames * 640 * 2) as u32;
    let mut wav = Vec::with_capacity(44 + bytes as usize);
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(32_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(bytes.to_le_bytes());
    for n in 0..frames * 640 {
        wav.extend(((6000.0 * (n as f32 * 0.08).sin()) as i16).to_le_bytes());
    }
    std::fs::write(path, wav).map_err(|e| Error::world("no sound can be written").from_source(e))
}
