//! What the test pattern must show, and what must change it.

use shared::{
    FaceBox, Frames, Picture, Tensor,
    job::Settings,
    ports::model::{Bridging, ClipInput, Control, Known},
    tensor::Precision,
};

use super::*;

fn settings() -> Settings {
    Settings::default()
}

fn features(frames: usize, seed: u32) -> Tensor {
    let samples: Vec<f32> = (0..frames * 640).map(|i| ((i as u32 * 7 + seed) % 101) as f32 / 200.0).collect();
    let mut encoder = TestPattern::new().audio_encoder(Fps::PAL);
    encoder.push(&samples).unwrap()
}

fn renderer(seed: u64) -> Box<dyn Renderer> {
    let model = TestPattern::new();
    let face = FaceBox { x: 60, y: 60, w: 100, h: 100 };
    let prepared = model.prepare(&Portrait::with_face(Picture::black(SIZE, SIZE), face), &settings()).unwrap();
    // As on another worker: only the bytes of the bundle travel, in half precision.
    let prepared = Bundle::from_bytes(&prepared.to_bytes(Precision::Half).unwrap()).unwrap();
    model.renderer(&prepared, &settings(), seed).unwrap()
}

fn clip(index: u64, motion: Option<Tensor>, audio: u32) -> ClipInput {
    let start = index * 12;
    ClipInput {
        frames: Frames::new(start, start + 12),
        features: features(16, audio),
        motion,
        known: None,
        take: 0,
        fps: Fps::PAL,
    }
}

/// Latents of `count` clips in a row; `change` may touch the input of each.
fn film(count: u64, seed: u64, change: impl Fn(u64, &mut ClipInput)) -> Vec<Tensor> {
    let mut renderer = renderer(seed);
    let mut done: Vec<Tensor> = Vec::new();
    for index in 0..count {
        let motion = done.last().map(|latents| latents.slice(8, 12).unwrap());
        let mut input = clip(index, motion, 0);
        change(index, &mut input);
        done.push(renderer.render(&input, &mut |_| Control::Continue).unwrap());
    }
    done
}

#[test]
fn latents_are_exact_in_half_precision_and_read_back() {
    let latents = film(3, 1, |_, _| ());
    for (index, clip) in latents.iter().enumerate() {
        assert_eq!(clip.clone().rounded_to_f16(), *clip);
        let first = index as u64 * 12;
        for (offset, picture) in renderer(1).decode(clip, first).unwrap().iter().enumerate() {
            let mark = Mark::read(picture).unwrap();
            let latent = Mark::of_latent(&clip.data()[offset * CHANNELS..][..CHANNELS], 0).unwrap();
            assert_eq!(mark, Mark { rate: 0, ..latent });
            assert_eq!(mark.frame, first + offset as u64);
            assert_eq!(latent.rate, 25);
        }
    }
}

#[test]
fn large_frame_numbers_survive() {
    let mark = Mark { frame: 5_000_000_001, checksum: (1 << 22) - 1, level: 1000, rate: 240 };
    assert_eq!(Mark::of_latent(&mark.to_latent(), 0).unwrap(), mark);
    let latent = Tensor::new([1, CHANNELS, 1, 1], mark.to_latent().to_vec()).unwrap();
    assert_eq!(latent.clone().rounded_to_f16(), latent);
}

type Change = fn(&mut ClipInput);

#[test]
fn any_wrong_input_changes_all_later_checksums() {
    let sums = |latents: &[Tensor]| -> Vec<u32> {
        latents.iter().map(|clip| Mark::of_latent(&clip.data()[..CHANNELS], 0).unwrap().checksum).collect()
    };
    let right = sums(&film(6, 1, |_, _| ()));
    let changes: [(&str, Change); 5] = [
        ("lost handoff", |input| input.motion = None),
        ("stale handoff", |input| {
            input.motion = Some(film(1, 1, |_, _| ())[0].slice(8, 12).unwrap());
        }),
        ("wrong place", |input| input.frames = Frames::new(36, 48)),
        ("other audio", |input| input.features = features(16, 3)),
        ("damaged handoff", |input| {
            let motion = input.motion.clone().unwrap();
            let mut data = motion.data().to_vec();
            data[5] += 1.0;
            input.motion = Some(Tensor::new(motion.shape(), data).unwrap());
        }),
    ];
    for (name, change) in changes {
        let wrong = sums(&film(6, 1, |index, input| {
            if index == 2 {
                change(input);
            }
        }));
        assert_eq!(wrong[..2], right[..2], "{name}");
        for index in 2..6 {
            assert_ne!(wrong[index], right[index], "{name}, clip {index}");
        }
    }
    assert!(sums(&film(6, 2, |_, _| ())).iter().zip(&right).all(|(a, b)| a != b), "seed");
}

#[test]
fn frames_that_are_held_stay_and_all_that_is_known_marks_the_others() {
    let render = |known: Option<Known>, take| {
        renderer(1).render(&ClipInput { known, take, ..clip(1, None, 0) }, &mut |_| Control::Continue).unwrap()
    };
    let (left, right) = (render(None, 1), render(None, 2));
    assert_ne!(left, right, "takes");
    let pinned = |frame: usize| !(3..9).contains(&frame);
    let latents = Tensor::join(&[left.slice(0, 6).unwrap(), right.slice(6, 12).unwrap()]).unwrap();
    let known = Known { latents, pinned: (0..12).map(pinned).collect(), bridging: Bridging::default() };
    let made = render(Some(known.clone()), 0);
    assert_eq!(made.slice(0, 3).unwrap(), left.slice(0, 3).unwrap());
    assert_eq!(made.slice(9, 12).unwrap(), right.slice(9, 12).unwrap());
    let free = |latents: &Tensor| Mark::of_latent(&latents.data()[5 * CHANNELS..][..CHANNELS], 0).unwrap();
    assert_eq!(free(&made).frame, 17);
    let bridging = |change: fn(&mut Bridging)| {
        let mut other = known.clone();
        change(&mut other.bridging);
        other
    };
    let mut fewer = known.clone();
    fewer.pinned[2] = false;
    let other = Known { latents: right.clone(), ..known.clone() };
    let strength = bridging(|bridging| bridging.strength = 0.5);
    for wrong in
        [bridging(|bridging| bridging.steps += 1), bridging(|bridging| bridging.jumps += 1), strength, fewer, other]
    {
        assert_ne!(free(&render(Some(wrong.clone()), 0)), free(&made), "{:?} {:?}", wrong.bridging, wrong.pinned);
    }
    let mut steps = 0;
    let input = ClipInput { known: Some(known.clone()), ..clip(1, None, 0) };
    let count = &mut |_| {
        steps += 1;
        Control::Continue
    };
    renderer(1).render(&input, count).unwrap();
    assert_eq!(steps, known.bridging.steps * (known.bridging.jumps + 1));
    let short = Known { pinned: vec![true; 11], ..known };
    assert!(renderer(1).render(&ClipInput { known: Some(short), ..input }, &mut |_| Control::Continue).is_err());
}

#[test]
fn latents_between_two_chains_are_drawn() {
    let [a, b] =
        [1, 2].map(|take| renderer(1).render(&ClipInput { take, ..clip(1, None, 0) }, &mut |_| Control::Continue));
    let (a, b) = (a.unwrap(), b.unwrap());
    let half = a.data().iter().zip(b.data()).map(|(a, b)| a + 0.5 * (b - a)).collect();
    let pictures = renderer(1).decode(&Tensor::new(a.shape(), half).unwrap().rounded_to_f16(), 12).unwrap();
    assert!(pictures.iter().zip(12..).all(|(picture, frame)| Mark::read(picture).unwrap().frame == frame));
}

#[test]
fn the_portrait_and_the_settings_count() {
    let model = TestPattern::new();
    let face = FaceBox { x: 0, y: 0, w: 9, h: 9 };
    let black = Picture::black(SIZE, SIZE);
    let mut dot = black.clone();
    dot.data_mut()[1000] = 1;
    let with = |picture: &Picture, face| Portrait::with_face(picture.clone(), face);
    let base = model.prepare(&with(&black, face), &settings()).unwrap();
    assert_ne!(base, model.prepare(&with(&dot, face), &settings()).unwrap());
    assert_ne!(base, model.prepare(&with(&black, FaceBox { w: 8, ..face }), &settings()).unwrap());
    let guided = Settings { guidance: Some(2.0), ..settings() };
    assert_ne!(base, model.prepare(&with(&black, face), &guided).unwrap());
    assert!(model.prepare(&with(&Picture::black(64, 64), face), &settings()).is_err());
    let masks = Settings { mask_lip: Some(face), ..settings() };
    assert!(model.prepare(&with(&black, face), &masks).unwrap_err().to_string().contains("--mask-lip"));
}

#[test]
fn a_stop_is_obeyed_before_each_step() {
    let mut seen = Vec::new();
    let result = renderer(1).render(&clip(0, None, 0), &mut |step| {
        seen.push(step);
        if step == 2 { Control::Stop } else { Control::Continue }
    });
    assert_eq!(result.unwrap_err().verdict(), shared::Verdict::Stop);
    assert_eq!(seen, [0, 1, 2]);
}

#[test]
fn wrong_shapes_and_misplaced_latents_are_refused() {
    let mut renderer = renderer(1);
    let mut go = |_| Control::Continue;
    let short = ClipInput { features: features(15, 0), ..clip(0, None, 0) };
    assert!(renderer.render(&short, &mut go).is_err());
    let latents = renderer.render(&clip(1, None, 0), &mut go).unwrap();
    assert!(renderer.render(&clip(1, Some(latents.clone()), 0), &mut go).is_err());
    assert!(renderer.decode(&latents, 12).is_ok());
    let error = renderer.decode(&latents, 13).unwrap_err().to_string();
    assert!(error.contains("frame 12") && error.contains("frame 13"), "{error}");
}

#[test]
fn chunks_of_samples_do_not_matter() {
    let fps: Fps = "29.97".parse().unwrap();
    let samples: Vec<f32> = (0..40_000).map(|i| (i as f32 * 0.01).sin() * 0.7).collect();
    let frames = fps.frames_covering(40_000, 16_000);
    let run = |size: usize| {
        let mut encoder = TestPattern::new().audio_encoder(fps);
        let mut parts: Vec<Tensor> = samples.chunks(size).map(|part| encoder.push(part).unwrap()).collect();
        parts.push(encoder.finish(frames).unwrap());
        Tensor::join(&parts).unwrap()
    };
    let whole = run(40_000);
    assert_eq!(whole.shape(), [frames as usize, WIDTH]);
    assert_eq!(whole.clone().rounded_to_f16(), whole);
    for size in [1, 533, 534, 1601] {
        assert_eq!(run(size), whole, "{size}");
    }
    // A sine of amplitude 0.7 has an effective value of 0.7 / sqrt 2.
    let mean = whole.data().iter().step_by(WIDTH).take(70).sum::<f32>() / 70.0;
    assert!((mean - 495.0).abs() < 10.0, "{mean}");
}
