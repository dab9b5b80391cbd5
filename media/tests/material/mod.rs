//! Material for tests, made here and now: WAV files by hand, everything else with FFmpeg's own encoders.
#![allow(dead_code, reason = "each test binary uses its own share")]

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use ffmpeg_next::{
    ChannelLayout, Dictionary, Packet, codec, encoder, format,
    format::{Pixel, Sample, context::Output, sample::Type},
    frame,
    software::resampling::Context as Resampler,
};
use media::film::{PartSpec, PartWriter, Preset};
use shared::{Fps, Picture};

/// Sample `n` of channel `channel` at `rate` Hz: a gliding tone that swells, of another pitch in each
/// channel, so that no stretch of it looks like an earlier one.
pub(crate) fn tone(n: u64, rate: u32, channel: u16) -> f32 {
    let t = n as f64 / f64::from(rate);
    let swell = 0.6 + 0.4 * (t * 3.0).sin();
    let turns = 220.0 * (1.0 + f64::from(channel) * 0.5) * t + 30.0 * (t * 2.1).sin();
    (0.4 * swell * (turns * std::f64::consts::TAU).sin()) as f32
}

/// Correlation of two signals, 1 when they have the same shape and none is shifted.
pub(crate) fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Writes a WAV of 16-bit samples, straight to disk; `promised` overrides the length in the header.
pub(crate) fn wav_promising(path: &Path, rate: u32, channels: u16, samples: u64, promised: u32) {
    write_wav(path, rate, channels, samples, promised, |n, channel| tone(n, rate, channel));
}

/// Writes a WAV of 16-bit samples that `sound` gives for sample and channel.
pub(crate) fn wav_of(path: &Path, rate: u32, channels: u16, samples: u64, sound: impl Fn(u64, u16) -> f32) {
    write_wav(path, rate, channels, samples, samples as u32 * u32::from(channels) * 2, sound);
}

fn write_wav(path: &Path, rate: u32, channels: u16, samples: u64, promised: u32, sound: impl Fn(u64, u16) -> f32) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let block = channels * 2;
    file.write_all(b"RIFF").unwrap();
    file.write_all(&promised.saturating_add(36).to_le_bytes()).unwrap();
    file.write_all(b"WAVEfmt \x10\0\0\0\x01\0").unwrap();
    file.write_all(&channels.to_le_bytes()).unwrap();
    file.write_all(&rate.to_le_bytes()).unwrap();
    file.write_all(&(rate * u32::from(block)).to_le_bytes()).unwrap();
    file.write_all(&block.to_le_bytes()).unwrap();
    file.write_all(b"\x10\0data").unwrap();
    file.write_all(&promised.to_le_bytes()).unwrap();
    for n in 0..samples {
        for channel in 0..channels {
            let value = (sound(n, channel) * 32_767.0).round() as i16;
            file.write_all(&value.to_le_bytes()).unwrap();
        }
    }
    file.flush().unwrap();
}

/// Writes a WAV of 16-bit samples.
pub(crate) fn wav(path: &Path, rate: u32, channels: u16, samples: u64) {
    wav_promising(path, rate, channels, samples, samples as u32 * u32::from(channels) * 2);
}

/// Encodes `samples` of the tone with `encoder` into the container that the path's ending names.
pub(crate) fn encode(path: &Path, encoder: &str, rate: u32, channels: u16, samples: u64) {
    encode_late(path, encoder, rate, channels, samples, None);
}

/// Like [`encode`]; with `late` the file holds grey pictures, too, and the sound begins so many samples after them.
pub(crate) fn encode_late(path: &Path, encoder: &str, rate: u32, channels: u16, samples: u64, late: Option<u64>) {
    media::init().unwrap();
    let mut output = format::output(path).unwrap();
    let global = output.format().flags().contains(format::Flags::GLOBAL_HEADER);
    let codec = encoder::find_by_name(encoder).unwrap_or_else(|| panic!("no encoder {encoder}"));
    let format = codec.audio().unwrap().formats().unwrap().next().unwrap();
    let layout = ChannelLayout::default(i32::from(channels));
    let mut setting = codec::Context::new_with_codec(codec).encoder().audio().unwrap();
    setting.set_rate(rate as i32);
    setting.set_channel_layout(layout);
    setting.set_format(format);
    setting.set_time_base((1, rate as i32));
    setting.set_bit_rate(128_000);
    if global {
        setting.set_flags(codec::Flags::GLOBAL_HEADER);
    }
    let mut encoder = setting.open_with(Dictionary::from_iter([("strict", "experimental")])).unwrap();
    let mut pictures = late.map(|_| grey_encoder(global));
    output.add_stream(codec).unwrap().set_parameters(&encoder);
    if let Some(pictures) = &pictures {
        output.add_stream(pictures.codec()).unwrap().set_parameters(pictures);
    }
    output.write_header().unwrap();
    if let Some(pictures) = &mut pictures {
        for number in 0..samples as i64 * 25 / i64::from(rate) {
            let mut grey = frame::Video::new(Pixel::YUV420P, 64, 64);
            (0..3).for_each(|plane| grey.data_mut(plane).fill(128));
            grey.set_pts(Some(number));
            pictures.send_frame(&grey).unwrap();
            drain(pictures, &mut output, 1, (1, 25), 0);
        }
        pictures.send_eof().unwrap();
        drain(pictures, &mut output, 1, (1, 25), 0);
    }
    let size = if encoder.frame_size() == 0 { 1024 } else { u64::from(encoder.frame_size()) };
    for at in (0..samples).step_by(size as usize) {
        encoder.send_frame(&frame_of(at, size.min(samples - at), rate, channels, format, layout)).unwrap();
        drain(&mut encoder, &mut output, 0, (1, rate as i32), late.unwrap_or(0) as i64);
    }
    encoder.send_eof().unwrap();
    drain(&mut encoder, &mut output, 0, (1, rate as i32), late.unwrap_or(0) as i64);
    output.write_trailer().unwrap();
}

fn grey_encoder(global: bool) -> encoder::Video {
    let codec = encoder::find_by_name("mpeg4").unwrap();
    let mut setting = codec::Context::new_with_codec(codec).encoder().video().unwrap();
    setting.set_width(64);
    setting.set_height(64);
    setting.set_format(Pixel::YUV420P);
    setting.set_time_base((1, 25));
    if global {
        setting.set_flags(codec::Flags::GLOBAL_HEADER);
    }
    setting.open().unwrap()
}

fn drain(encoder: &mut encoder::Encoder, output: &mut Output, stream: usize, base: (i32, i32), late: i64) {
    let to = output.stream(stream).unwrap().time_base();
    let mut packet = Packet::empty();
    while encoder.receive_packet(&mut packet).is_ok() {
        packet.set_stream(stream);
        packet.set_pts(packet.pts().map(|at| at + late));
        packet.set_dts(packet.dts().map(|at| at + late));
        packet.rescale_ts(base, to);
        packet.write_interleaved(output).unwrap();
    }
}

fn frame_of(at: u64, length: u64, rate: u32, channels: u16, format: Sample, layout: ChannelLayout) -> frame::Audio {
    let planar = Sample::F32(Type::Planar);
    let mut floats = frame::Audio::new(planar, length as usize, layout);
    floats.set_rate(rate);
    for channel in 0..channels {
        let plane = floats.plane_mut::<f32>(usize::from(channel));
        plane.iter_mut().zip(at..).for_each(|(sample, n)| *sample = tone(n, rate, channel));
    }
    let mut converted = frame::Audio::new(format, length as usize, layout);
    let mut resampler = Resampler::get(planar, layout, rate, format, layout, rate).unwrap();
    resampler.run(&floats, &mut converted).unwrap();
    converted.set_rate(rate);
    converted.set_pts(Some(at as i64));
    converted
}

/// All samples that [`media::audio::Reader`] gives.
pub(crate) fn read_all(path: &Path) -> Vec<f32> {
    let mut reader = media::audio::Reader::open(path).unwrap();
    let mut all = Vec::new();
    while let Some(chunk) = reader.next().unwrap() {
        assert!(chunk.len() <= media::audio::CHUNK);
        all.extend(chunk);
    }
    all
}

/// A picture of one colour with the frame's number as a row of black and white blocks at the top,
/// lowest bit at the left.
pub(crate) fn numbered(number: u64, width: u32, height: u32, colour: [u8; 3]) -> Picture {
    let mut picture = Picture::black(width, height);
    let block = width / 16;
    for (at, pixel) in picture.data_mut().chunks_exact_mut(3).enumerate() {
        let (x, y) = (at as u32 % width, at as u32 / width);
        let bit = u64::from((x / block).min(15));
        let shade = if number >> bit & 1 == 1 { 255 } else { 0 };
        pixel.copy_from_slice(&if y < block { [shade; 3] } else { colour });
    }
    picture
}

/// The number that [`numbered`] drew.
pub(crate) fn number_in(picture: &Picture) -> u64 {
    let block = picture.width() / 16;
    (0..16).filter(|bit| picture.pixel(bit * block + block / 2, block / 2).unwrap()[1] > 128).map(|bit| 1 << bit).sum()
}

/// Encodes numbered frames into parts of the given lengths.
pub(crate) fn parts(folder: &Path, fps: Fps, size: u32, lengths: &[u64]) -> Vec<PathBuf> {
    let mut number = 0;
    let mut make = |(index, length): (usize, &u64)| {
        let path = folder.join(format!("part{index}.mp4"));
        let spec = PartSpec { preset: Preset::Ultrafast, ..PartSpec::new(size, size, fps) };
        let mut writer = PartWriter::create(&path, spec).unwrap();
        for _ in 0..*length {
            writer.write(&numbered(number, size, size, [220, 20, 60])).unwrap();
            number += 1;
        }
        assert_eq!(writer.finish().unwrap(), *length);
        path
    };
    lengths.iter().enumerate().map(&mut make).collect()
}
