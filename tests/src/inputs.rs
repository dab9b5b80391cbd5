//! Input files made on the spot: tones as WAV, pictures as PNG.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

/// Writes a 16-bit mono WAV of a tone whose loudness rises and falls; `rate` samples a second.
///
/// # Panics
/// When the file cannot be written.
pub fn tone(path: &Path, seconds: f64, rate: u32) {
    let samples = (seconds * f64::from(rate)).round() as u32;
    let mut file = BufWriter::new(File::create(path).expect("the WAV can be created"));
    let header: [&[u8]; 13] = [
        b"RIFF",
        &(36 + samples * 2).to_le_bytes(),
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &rate.to_le_bytes(),
        &(rate * 2).to_le_bytes(),
        &2_u16.to_le_bytes(),
        &16_u16.to_le_bytes(),
        b"data",
        &(samples * 2).to_le_bytes(),
        b"",
    ];
    for field in header {
        file.write_all(field).expect("the WAV can be written");
    }
    for i in 0..samples {
        let t = f64::from(i) / f64::from(rate);
        let loudness = 0.5 + 0.4 * (std::f64::consts::TAU * 0.7 * t).sin();
        let value = loudness * (std::f64::consts::TAU * 220.0 * t).sin();
        file.write_all(&((value * 30_000.0) as i16).to_le_bytes()).expect("the WAV can be written");
    }
    file.flush().expect("the WAV can be written");
}

/// The shipped drawn portrait.
pub fn portrait() -> std::path::PathBuf {
    crate::root().join("demo/portrait.png")
}
