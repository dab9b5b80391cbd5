//! Encodes and joins a film beside FFmpeg's own command line: `cargo bench -p media --bench stitching -- [SECONDS] [EDGE] [RUNS]`.
//!
//! The same pictures (the shipped portrait, which moves and speaks), the same encoder settings, the same sound. Ours are parts as a stitcher encodes
//! them, then joined; FFmpeg gets the pictures through a pipe and writes the film in one go, without parts that could be made on several
//! machines. Runs are interleaved, 600 seconds of 512 x 512 pixels and three runs unless said otherwise; the medians are compared.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use media::film::{JoinSpec, PartSpec, PartWriter, Preset, join};
use shared::{Error, Fps, Picture, Result, job::Settings};

/// Pictures that are drawn; the film repeats them.
const DRAWN: u32 = 250;

/// Frames of a part: two segments of four clips of the demo model.
const PART: u64 = 96;

fn main() -> Result<()> {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let number = |place: usize, otherwise| numbers.get(place).copied().unwrap_or(otherwise);
    let (frames, edge, runs) = (25 * number(0, 600), number(1, 512) as u32, number(2, 3).max(1));
    let dir = tempfile::tempdir().map_err(|e| Error::world("no directory for films").from_source(e))?;
    let (pictures, sound) = (drawn(edge)?, dir.path().join("sound.wav"));
    silence_and_tone(&sound, frames)?;
    println!(
        "{frames} frames of {edge} x {edge} pixels, parts of {PART} frames, {runs} runs; {}",
        media::codecs::ffmpeg_version()
    );
    let (mut parts, mut joined, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        let theirs_first = run % 2 == 1;
        if theirs_first {
            theirs.push(command_line(&pictures, frames, &sound, &dir.path().join("theirs.mp4"))?);
        }
        let [encoding, joining] = stitched(&pictures, frames, &sound, dir.path())?;
        if !theirs_first {
            theirs.push(command_line(&pictures, frames, &sound, &dir.path().join("theirs.mp4"))?);
        }
        println!("run {run}: parts {encoding:.2} s, join {joining:.2} s, ffmpeg {:.2} s", theirs[theirs.len() - 1]);
        parts.push(encoding);
        joined.push(joining);
        ours.push(encoding + joining);
    }
    let bytes = |name: &str| std::fs::metadata(dir.path().join(name)).map_or(0, |file| file.len());
    let [ours, theirs] = [median(&mut ours), median(&mut theirs)];
    println!(
        "ours   {ours:.2} s: parts {:.2} s, join {:.2} s, {} bytes",
        median(&mut parts),
        median(&mut joined),
        bytes("film.mp4")
    );
    println!("ffmpeg {theirs:.2} s, {} bytes", bytes("theirs.mp4"));
    println!("ours over ffmpeg {:.3}, {:.0} frames/s", ours / theirs, frames as f64 / ours);
    Ok(())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The shipped portrait with a head that nods, a mouth that opens, and the grain of a decoder.
fn drawn(edge: u32) -> Result<Vec<Picture>> {
    let picture = media::portrait::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/portrait.png")))?;
    let portrait = media::portrait::crop_square(&picture, &Settings::default(), edge)?.picture;
    let draw = |frame: u32| {
        let (time, edge, middle) =
            (frame as f32 / DRAWN as f32 * std::f32::consts::TAU, edge as i32, edge as f32 / 2.0);
        let (right, down) = ((4.0 * (3.0 * time).sin()) as i32, (3.0 * (5.0 * time).cos()) as i32);
        let mouth = (edge as f32 / 30.0) * (0.5 + 0.5 * (31.0 * time).sin());
        let mut state = frame.wrapping_mul(2_654_435_761) | 1;
        let mut data = Vec::with_capacity((3 * edge * edge) as usize);
        for y in 0..edge {
            for x in 0..edge {
                let (dx, dy) = (x as f32 - middle, y as f32 - middle);
                let moves = dx * dx + dy * dy < 0.16 * (edge * edge) as f32;
                let (from_x, from_y) = if moves { (x - right, y - down) } else { (x, y) };
                let pixel = portrait.pixel(from_x.max(0) as u32, from_y.max(0) as u32).unwrap_or_default();
                let dark = (dx / (edge as f32 / 12.0)).powi(2) + ((dy - 0.2 * edge as f32) / mouth).powi(2) < 1.0;
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let grain = (state >> 30) as u8;
                data.extend(pixel.map(|channel| if dark { 30 } else { channel.saturating_add(grain) }));
            }
        }
        Picture::new(edge as u32, edge as u32, data)
    };
    (0..DRAWN).map(draw).collect()
}

/// A WAV as long as the film.
fn silence_and_tone(path: &Path, frames: u64) -> Result<()> {
    let samples: u32 = (frames * 640) as u32;
    let mut wav = Vec::with_capacity(44 + 2 * samples as usize);
    wav.extend(b"RIFF");
    wav.extend((36 + 2 * samples).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(32_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((2 * samples).to_le_bytes());
    for n in 0..samples {
        let value = 6000.0 * (n as f32 * 0.08).sin() * (n as f32 * 0.0004).sin();
        wav.extend((value as i16).to_le_bytes());
    }
    std::fs::write(path, wav).map_err(|e| Error::world("no sound can be written").from_source(e))
}

/// Encodes parts and joins them; the seconds of both.
fn stitched(pictures: &[Picture], frames: u64, sound: &Path, dir: &Path) -> Result<[f64; 2]> {
    let (began, edge) = (Instant::now(), pictures[0].width());
    let spec = PartSpec { preset: Preset::Veryfast, ..PartSpec::new(edge, edge, Fps::PAL) };
    let mut parts: Vec<PathBuf> = Vec::new();
    let mut frame = 0;
    while frame < frames {
        let path = dir.join(format!("part-{:05}.mp4", parts.len()));
        let mut writer = PartWriter::create(&path, spec)?;
        for _ in 0..PART.min(frames - frame) {
            writer.write(&pictures[(frame % u64::from(DRAWN)) as usize])?;
            frame += 1;
        }
        writer.finish()?;
        parts.push(path);
    }
    let encoding = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let out = dir.join("film.mp4");
    join(&parts, sound, &out, &JoinSpec { fps: Fps::PAL, frames, metadata: Vec::new(), cancel: &|| false })?;
    Ok([encoding, began.elapsed().as_secs_f64()])
}

/// The same film by the command line; its seconds.
fn command_line(pictures: &[Picture], frames: u64, sound: &Path, out: &Path) -> Result<f64> {
    let (began, edge) = (Instant::now(), pictures[0].width());
    let failed = |what: &'static str| move |e: std::io::Error| Error::world(what).from_source(e);
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-framerate", "25"])
        .args(["-video_size", &format!("{edge}x{edge}"), "-i", "pipe:0", "-i"])
        .arg(sound)
        .args(["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-crf", "18", "-bf", "0"])
        .args(["-threads", "1", "-x264-params"])
        .arg("stitchable=1:open-gop=0:bframes=0:8x8dct=1:cabac=1:threads=1:lookahead-threads=1:sliced-threads=0:keyint=50:force-cfr=1")
        .args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"])
        .args(["-c:a", "aac", "-movflags", "+faststart"])
        .arg(out)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(failed("the ffmpeg program cannot be started"))?;
    if let Some(mut pipe) = ffmpeg.stdin.take() {
        for frame in 0..frames {
            let picture = &pictures[(frame % u64::from(DRAWN)) as usize];
            pipe.write_all(picture.data()).map_err(failed("ffmpeg takes no more pictures"))?;
        }
    }
    let status = ffmpeg.wait().map_err(failed("ffmpeg cannot be waited for"))?;
    if !status.success() {
        return Err(Error::world(format!("ffmpeg ended with {status}")));
    }
    Ok(began.elapsed().as_secs_f64())
}
