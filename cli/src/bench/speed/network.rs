//! What the network does.

use std::time::{Duration, Instant};

use diffusion::bench::{self, counted};
use shared::{
    Error, FaceBox, Fps, Frames, Picture, Portrait, Result, Tensor,
    job::Settings as Chosen,
    ports::model::{Bridging, ClipInput, Control, Known, Model, Renderer},
};

use super::row::{Rows, Work};
use crate::{args::bench::Subject, settings::Settings};

/// Seconds of speech that are encoded.
const SPEECH: u64 = 10;

/// Single operators.
pub(super) fn operators(rows: &mut Rows) -> Result<()> {
    for mut piece in bench::operators()? {
        let work = Work { what: piece.name.clone(), count: 1.0, unit: "", flops: piece.flops };
        rows.time(work, || piece.run())?;
    }
    Ok(())
}

/// The encoder of the model's autoencoder.
pub(super) fn encoder(rows: &mut Rows, model: &str, settings: &Settings) -> Result<()> {
    let Some(mut piece) = bench::encoder(model, &settings.search_path())? else { return Ok(()) };
    let work = Work { what: piece.name.clone(), count: 1.0, unit: "pictures", flops: piece.flops };
    rows.time(work, || piece.run())
}

/// What is done with a model through its port.
pub(super) fn model(rows: &mut Rows, model: &dyn Model, wanted: &dyn Fn(Subject) -> bool) -> Result<()> {
    let portrait = portrait(model.shape().image_size)?;
    if wanted(Subject::Portrait) {
        let frames = Work { what: "finding the face".into(), count: 1.0, unit: "portraits", flops: 0 };
        rows.time(frames, || model.find_faces(&portrait.picture).map(drop))?;
        let (prepared, flops) = counted(|| model.prepare(&portrait, &Chosen::default()));
        prepared?;
        let what = "preparing the portrait".into();
        rows.time(Work { what, count: 1.0, unit: "portraits", flops }, || {
            model.prepare(&portrait, &Chosen::default()).map(drop)
        })?;
    }
    if wanted(Subject::Speech) {
        speech(rows, model)?;
    }
    if !(wanted(Subject::Step) || wanted(Subject::Clip) || wanted(Subject::Vae)) {
        return Ok(());
    }
    let prepared = model.prepare(&portrait, &Chosen::default())?;
    let mut renderer = model.renderer(&prepared, &Chosen::default(), 1)?;
    let clip = clip(model)?;
    let latents = renderer.render(&clip, &mut |_| Control::Continue)?;
    let frames = f64::from(model.shape().clip_frames);
    if wanted(Subject::Step) {
        step(rows, renderer.as_mut(), &clip, &latents)?;
    }
    if wanted(Subject::Clip) {
        let effort = model.effort(&Chosen::default())?.map_or_else(String::new, |spent| format!(": {}", spent.effort));
        let (rendered, flops) = counted(|| renderer.render(&clip, &mut |_| Control::Continue));
        drop(rendered);
        let work = Work { what: format!("a clip of {frames} frames{effort}"), count: frames, unit: "frames", flops };
        rows.time(work, || renderer.render(&clip, &mut |_| Control::Continue).map(drop))?;
    }
    if wanted(Subject::Vae) {
        let (decoded, flops) = counted(|| renderer.decode(&latents, 0));
        drop(decoded);
        let what = format!("decoding of {frames} frames to {0} x {0}", model.shape().image_size);
        rows.time(Work { what, count: frames, unit: "frames", flops }, || renderer.decode(&latents, 0).map(drop))?;
    }
    Ok(())
}

/// One step of a clip: the time between two calls that ask whether to go on, of which a bridge of two steps makes as many as its jumps.
fn step(rows: &mut Rows, renderer: &mut dyn Renderer, clip: &ClipInput, latents: &Tensor) -> Result<()> {
    let bridging = Bridging { steps: 1, strength: 0.5, jumps: 1 };
    let known = Known { latents: latents.clone(), pinned: vec![false; latents.rows()], bridging };
    let clip = ClipInput { known: Some(known), ..clip.clone() };
    let mut one = |clip: &ClipInput| -> Result<Duration> {
        let (mut began, mut took) = (None, Duration::ZERO);
        renderer.render(clip, &mut |call| {
            match call {
                0 => began = Some(Instant::now()),
                _ => took = began.map_or(took, |began| began.elapsed()),
            }
            Control::Continue
        })?;
        Ok(took)
    };
    let steps = |jumps: u32, one: &mut dyn FnMut(&ClipInput) -> Result<Duration>| {
        let known = clip.known.clone().map(|known| Known { bridging: Bridging { jumps, ..known.bridging }, ..known });
        let clip = ClipInput { known, ..clip.clone() };
        let (ended, flops) = counted(|| one(&clip));
        // What is not computed comes out as zeros, which is no fault here.
        drop(ended);
        flops
    };
    let flops = steps(1, &mut one).saturating_sub(steps(0, &mut one));
    let what = "a denoising step of all its frames".into();
    rows.measure(Work { what, count: 1.0, unit: "steps", flops }, || one(&clip))
}

fn speech(rows: &mut Rows, model: &dyn Model) -> Result<()> {
    let samples: Vec<f32> = (0..16_000 * SPEECH).map(|n| (n as f32 * 0.05).sin() * (n as f32 * 3e-4).sin()).collect();
    let encode = || -> Result<()> {
        let mut encoder = model.audio_encoder(Fps::PAL);
        if encoder.needs_survey() {
            encoder.survey(&samples)?;
        }
        encoder.push(&samples)?;
        encoder.finish(25 * SPEECH).map(drop)
    };
    let (encoded, flops) = counted(encode);
    drop(encoded);
    let what = format!("features of {SPEECH} s of speech");
    rows.time(Work { what, count: SPEECH as f64, unit: "s of speech", flops }, encode)
}

pub(super) fn portrait(size: u32) -> Result<Portrait> {
    let pixels = (0..3 * size * size).map(|i| (i.wrapping_mul(2_654_435_761) >> 25) as u8).collect();
    let picture = Picture::new(size, size, pixels)?;
    Ok(Portrait::with_face(picture, FaceBox { x: size / 4, y: size / 4, w: size / 2, h: size / 2 }))
}

/// A clip that goes on from motion frames.
pub(super) fn clip(model: &dyn Model) -> Result<ClipInput> {
    let shape = model.shape();
    let rows = (shape.clip_frames + 2 * shape.audio_margin) as usize;
    let numbers = |count: usize| (0..count).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<_>>();
    let [c, height, width] = shape.latent;
    let motion = shape.motion_frames as usize;
    let motion = (motion > 0).then(|| Tensor::new([motion, c, height, width], numbers(motion * c * height * width)));
    let features = Tensor::new([rows, shape.feature_width], numbers(rows * shape.feature_width))?;
    if rows == 0 {
        return Err(Error::order("this model makes clips of no frames"));
    }
    let frames = Frames::new(0, u64::from(shape.clip_frames));
    Ok(ClipInput { frames, features, motion: motion.transpose()?, known: None, take: 0, fps: Fps::PAL })
}
