//! Input files made on the spot: tones as WAV, pictures as PNG.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use shared::Picture;

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

/// Writes a picture as PNG, its bytes as they are (deflate's stored blocks).
///
/// # Panics
/// When the file cannot be written.
pub fn png(path: &Path, picture: &Picture) {
    let mut header = picture.width().to_be_bytes().to_vec();
    header.extend(picture.height().to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let rows = picture.data().chunks_exact(picture.width() as usize * 3);
    let lines: Vec<u8> = rows.flat_map(|row| std::iter::once(&0).chain(row)).copied().collect();
    let mut stored = vec![0x78, 0x01];
    let mut blocks = lines.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stored.push(u8::from(blocks.peek().is_none()));
        stored.extend(length.to_le_bytes());
        stored.extend((!length).to_le_bytes());
        stored.extend(block);
    }
    let (a, b) = lines.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    stored.extend((b << 16 | a).to_be_bytes());
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", stored), (b"IEND", vec![])] {
        let chunk = [kind.as_slice(), &data].concat();
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(&chunk);
        file.extend(crc32(&chunk).to_be_bytes());
    }
    std::fs::write(path, file).expect("the PNG can be written");
}

/// White discs on black, with coloured eyes, nose and corners of the mouth, as the detector knows them: middle and radius of each.
pub fn faces(width: u32, height: u32, faces: &[[f64; 3]]) -> Picture {
    const MARKS: [([f64; 2], [u8; 3]); 5] = [
        ([-0.4, -0.3], [255, 0, 0]),
        ([0.4, -0.3], [0, 255, 0]),
        ([0.0, 0.1], [0, 0, 255]),
        ([-0.3, 0.5], [255, 255, 0]),
        ([0.3, 0.5], [255, 0, 255]),
    ];
    let mut picture = Picture::black(width, height);
    let mut disc = |x: f64, y: f64, radius: f64, colour: [u8; 3]| {
        for (i, pixel) in picture.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (px, py) = ((i as u32 % width) as f64, (i as u32 / width) as f64);
            if (px - x).hypot(py - y) <= radius {
                *pixel = colour;
            }
        }
    };
    for [x, y, radius] in faces {
        disc(*x, *y, *radius, [255; 3]);
        for ([u, v], colour) in MARKS {
            disc(x + u * radius, y + v * radius, 0.12 * radius, colour);
        }
    }
    picture
}

/// CRC-32 as PNG uses it (ISO 3309), bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { 0xEDB8_8320 ^ (c >> 1) } else { c >> 1 })
    })
}

/// The shipped drawn portrait.
pub fn portrait() -> std::path::PathBuf {
    crate::root().join("demo/portrait.png")
}
