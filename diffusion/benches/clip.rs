//! Times `prepare`, one clip and the decoding of a frame: `cargo bench -p diffusion --bench clip -- PACK`, or `make bench`.
//!
//! `PACK` is the directory of a model pack, `models/demo` of this checkout when none is given. Each figure is the median of seven runs.

use std::time::{Duration, Instant};

use shared::{
    FaceBox, Fps, Frames, Picture, Portrait, Result, Tensor,
    job::Settings,
    ports::model::{ClipInput, Control},
};

// As the program has it: memory of large maps is kept for the next ones.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUNS: usize = 7;

fn main() -> Result<()> {
    // Cargo itself adds `--bench`.
    let chosen = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let name = chosen.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../models/demo").into());
    let model = diffusion::open(&name, &[])?;
    let (shape, settings) = (model.shape(), Settings::default());
    println!("{}: {:?}\n{}", model.name(), shape, diffusion::Device::Cpu.describe());

    let size = shape.image_size;
    let face = FaceBox { x: size / 4, y: size / 4, w: size / 2, h: size / 2 };
    let portrait = Portrait::with_face(Picture::black(size, size), face);
    let mut prepared = None;
    report("prepare", || {
        prepared = Some(model.prepare(&portrait, &settings)?);
        Ok(())
    })?;
    let Some(prepared) = prepared else { return Ok(()) };

    let second = vec![0.1; 16_000];
    report("features of 1 s of speech", || {
        let mut encoder = model.audio_encoder(Fps::PAL);
        encoder.push(&second)?;
        encoder.finish(25).map(drop)
    })?;

    let rows = (shape.clip_frames + 2 * shape.audio_margin) as usize;
    let features = Tensor::new([rows, shape.feature_width], vec![0.0; rows * shape.feature_width])?;
    let mut renderer = model.renderer(&prepared, &settings, 1)?;
    let mut clip = ClipInput {
        frames: Frames::new(0, u64::from(shape.clip_frames)),
        features,
        motion: None,
        known: None,
        take: 0,
        fps: Fps::PAL,
    };
    let mut go = |_| Control::Continue;
    let mut latents = renderer.render(&clip, &mut go)?;
    let (first, end) = ((shape.clip_frames - shape.motion_frames) as usize, shape.clip_frames as usize);
    clip.motion = Some(latents.slice(first, end)?);
    let clip_time = report("one clip", || {
        latents = renderer.render(&clip, &mut go)?;
        Ok(())
    })?;
    let decode_time = report("decoding of its frames", || renderer.decode(&latents, 0).map(drop))?;

    let clips = 200u32.div_ceil(shape.clip_frames);
    let film = clip_time * clips + decode_time * clips;
    println!("8 s of film at 25 frames a second ({clips} clips) would take {:.1} s", film.as_secs_f64());
    Ok(())
}

/// Runs `work` seven times and prints the median.
fn report(what: &str, mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    times.sort();
    let (least, median, most) = (times[0], times[RUNS / 2], times[RUNS - 1]);
    println!("{what:28} {median:>12.2?}  ({least:.2?} to {most:.2?})");
    Ok(median)
}
