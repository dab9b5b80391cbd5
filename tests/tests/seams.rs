//! How well chains of the demo model join at seams in pauses of speech.

use std::{collections::BTreeMap, path::Path, process::Command, sync::Arc};

use shared::{
    Cuts, Fps, Frames, Join, Layout, Picture, Shape, Tensor,
    bridge::{Banks, Pass, Search, Trial},
    job::Settings,
    ports::{Bridging, ClipInput, Control, Model, Renderer},
};

/// What is said, again and again in other voices.
const TEXT: &str = "The lighthouse stood at the end of a long pier. Every evening, the keeper climbed its stairs, and lit the lamp. \
    Nobody had asked him to. Ships passed far away, on their way to other harbours; some of them answered with their horns. In winter, \
    when the storms came, he stayed up all night. What would you have done? He often wondered, and never told anyone. The sea gives \
    nothing back, they say. But one morning, there was a boat at the foot of the stairs, and in it, a letter with his name.";

const VOICES: [&str; 4] = ["en-gb", "en-us", "en-gb-scotland", "en-us+f3"];

/// Frames from one seam to the next, about.
const DISTANCE: u64 = 100;

/// A film in chains.
struct Film {
    model: Arc<dyn Model>,
    renderer: Box<dyn Renderer>,
    features: Tensor,
    shape: Shape,
    cuts: Cuts,
    /// Latents of each chain, from the first frame that it renders on.
    chains: Vec<Tensor>,
    /// For each seam, the median of the changes inside both chains.
    inside: Vec<f64>,
}

/// A track of speech at 16 kHz, for as many seams.
fn speech(dir: &Path, seams: u64) -> Vec<f32> {
    let (mut samples, frames) = (Vec::new(), (seams + 1) * DISTANCE);
    for (turn, voice) in VOICES.iter().cycle().enumerate() {
        let file = dir.join("speech.wav");
        let (speed, pitch) = (130 + 10 * (turn / 4 % 4), 40 + 5 * (turn / 4 % 5));
        let mut espeak = Command::new("espeak-ng");
        espeak.args(["-v", voice, "-s", &speed.to_string(), "-p", &pitch.to_string(), "-w"]).arg(&file).arg(TEXT);
        assert!(espeak.status().expect("espeak-ng is installed").success());
        let mut reader = media::audio::Reader::open(&file).unwrap();
        while let Some(more) = reader.next().unwrap() {
            samples.extend(more);
        }
        if samples.len() as u64 >= frames * 640 {
            break;
        }
    }
    samples.truncate((frames * 640) as usize);
    samples
}

/// Seams in the middle of the quietest half seconds, about [`DISTANCE`] apart.
fn seams(samples: &[f32], count: u64) -> Vec<u64> {
    let loudness = |frame: u64| {
        let around = ((frame - 6) * 640) as usize..((frame + 6) * 640) as usize;
        samples.get(around).map_or(f32::MAX, |run| run.iter().map(|x| x * x).sum())
    };
    let quietest = |index: u64| {
        let middle = index * DISTANCE;
        (middle - 30..middle + 31).min_by(|a, b| loudness(*a).total_cmp(&loudness(*b))).unwrap()
    };
    (1..=count).map(quietest).collect()
}

impl Film {
    fn new(count: u64) -> Self {
        let model = diffusion::open(tests::root().join("models/demo").to_str().unwrap(), &[]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let samples = speech(dir.path(), count);
        let picture = media::portrait::load(&tests::root().join("demo/portrait.png")).unwrap();
        let mut settings = Settings::default();
        model.find_faces(&picture).unwrap().settle(&mut settings, "portrait.png").unwrap();
        let portrait = media::portrait::crop_square(&picture, &settings, model.shape().image_size).unwrap();
        let renderer = model.renderer(&model.prepare(&portrait, &settings).unwrap(), &settings, 1).unwrap();
        let frames = samples.len() as u64 / 640;
        let mut encoder = model.audio_encoder(Fps::PAL);
        let first = encoder.push(&samples).unwrap();
        let features = Tensor::join(&[first, encoder.finish(frames).unwrap()]).unwrap();
        let clip_frames = model.shape().clip_frames;
        let shape = Shape { frames, clip_frames, segment_clips: 4, part_segments: 4 };
        let cuts = Cuts::at(seams(&samples, count), Join::Bridge, clip_frames);
        let mut film = Self { model, renderer, features, shape, cuts, chains: Vec::new(), inside: Vec::new() };
        for chain in 0..=count as usize {
            let frames = Layout::new(film.shape, &film.cuts).unwrap().rendered(chain);
            let latents = film.chain(frames);
            film.chains.push(latents);
        }
        film.inside = (0..count as usize).map(|seam| film.median_inside(seam)).collect();
        film
    }

    fn features(&self, frames: Frames) -> Tensor {
        let margin = u64::from(self.model.shape().audio_margin);
        let place = |at: u64| at.saturating_sub(margin).min(self.shape.frames - 1) as usize;
        let rows: Vec<_> = (frames.start..frames.end + 2 * margin)
            .map(|at| self.features.slice(place(at), place(at) + 1).unwrap())
            .collect();
        Tensor::join(&rows).unwrap().rounded_to_f16()
    }

    fn render(&mut self, input: &ClipInput) -> Tensor {
        self.renderer.render(input, &mut |_| Control::Continue).unwrap()
    }

    /// A chain from the portrait on.
    fn chain(&mut self, frames: Frames) -> Tensor {
        let (clip, motion) = (u64::from(self.shape.clip_frames), self.model.shape().motion_frames as usize);
        let mut clips: Vec<Tensor> = Vec::new();
        for start in (frames.start..frames.end).step_by(clip as usize) {
            let window = Frames::new(start, start + clip);
            let motion = clips.last().map(|before| before.slice(before.rows() - motion, before.rows()).unwrap());
            let input = ClipInput {
                frames: window,
                features: self.features(window),
                motion,
                known: None,
                take: 0,
                fps: Fps::PAL,
            };
            clips.push(self.render(&input));
        }
        Tensor::join(&clips).unwrap().slice(0, frames.len() as usize).unwrap()
    }

    /// The latents of a chain in `frames`.
    fn of_chain(&self, chain: usize, frames: Frames) -> Tensor {
        let start = Layout::new(self.shape, &self.cuts).unwrap().rendered(chain).start;
        self.chains[chain].slice((frames.start - start) as usize, (frames.end - start) as usize).unwrap()
    }

    fn banks(&self, seam: usize, pinned: u32) -> Banks {
        let overlap = Layout::new(self.shape, &self.cuts).unwrap().overlap(seam);
        let model = self.model.shape();
        let left = self.of_chain(seam, Banks::before(overlap, &model));
        let right = self.of_chain(seam + 1, overlap);
        Banks::new(overlap, self.cuts.seams[seam], pinned, &model, left, right).unwrap()
    }

    fn walk(&mut self, mut pass: Pass, how: Bridging) -> Pass {
        for window in pass.windows().to_vec() {
            let known = Some(pass.known(window, how).unwrap());
            let (features, motion) = (self.features(window), Some(pass.motion(window).unwrap()));
            let latents = self.render(&ClipInput { frames: window, features, motion, known, take: 0, fps: Fps::PAL });
            pass.put(window, &latents).unwrap();
        }
        pass
    }

    /// As a worker bridges: what was found, and its latents of the overlap.
    fn bridge(&mut self, seam: usize, how: Bridging, pinned: u32) -> (&'static str, Tensor) {
        let banks = self.banks(seam, pinned);
        let mut search = Search::new(&banks, how).unwrap();
        while let Some(Trial { name, pass, bridging }) = search.trial() {
            let pass = self.walk(pass, bridging);
            search.put(name, pass, true);
        }
        let (name, _, latents) = search.end().unwrap();
        (name, latents)
    }

    /// Mean differences of the decoded pictures of `frames` from the one before each.
    fn changes(&mut self, latents: &Tensor) -> Vec<f64> {
        let pictures = self.renderer.decode(latents, 0).unwrap();
        let change = |pair: &[Picture]| {
            let sum: u64 = pair[0].data().iter().zip(pair[1].data()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            sum as f64 / pair[0].data().len() as f64
        };
        pictures.windows(2).map(change).collect()
    }

    /// Changes inside both chains around a seam: their median.
    fn median_inside(&mut self, seam: usize) -> f64 {
        let (at, around) = (self.cuts.seams[seam], 2 * u64::from(self.shape.clip_frames));
        let left = self.of_chain(seam, Frames::new(at - around, at));
        let right = self.of_chain(seam + 1, Frames::new(at, at + around));
        let mut all = [self.changes(&left), self.changes(&right)].concat();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    }

    /// Changes at the joints of an overlap that was joined with `joined`, over the median inside: mean and most.
    fn score(&mut self, seam: usize, joined: &Tensor, joints: &[u64]) -> (f64, f64) {
        let inside = self.inside[seam];
        let overlap = Layout::new(self.shape, &self.cuts).unwrap().overlap(seam);
        let changes = self.changes(joined);
        let joints: Vec<f64> = joints.iter().map(|at| changes[(at - overlap.start) as usize - 1] / inside).collect();
        (joints.iter().sum::<f64>() / joints.len() as f64, joints.iter().copied().fold(0.0, f64::max))
    }
}

/// The 95th percentile and the median.
fn percentiles(mut scores: Vec<f64>) -> (f64, f64) {
    scores.sort_by(f64::total_cmp);
    let at = |share: f64| scores[((scores.len() - 1) as f64 * share).round() as usize];
    (at(0.95), at(0.5))
}

fn tell(name: &str, scores: &[(f64, f64)]) -> f64 {
    let (high, median) = percentiles(scores.iter().map(|(mean, _)| *mean).collect());
    let (most, _) = percentiles(scores.iter().map(|(_, most)| *most).collect());
    println!("{name:44} median {median:.3}, 95th percentile {high:.3}, of the worst joint {most:.3}");
    high
}

/// `EMOFARM_SEAMS` is the number of seams, `EMOFARM_BRIDGES` ways to denoise bridges to compare, such as `4:0.6:1:3 8:1:0:3`: steps,
/// strength, jumps, held frames.
#[test]
#[ignore = "renders some minutes of film; `cargo test --workspace --test seams -- --ignored --nocapture`"]
fn bridges_join_chains_of_the_demo_model() {
    let number =
        |name: &str, otherwise| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let count: u64 = number("EMOFARM_SEAMS", 50);
    let mut film = Film::new(count);
    let (seams, half) = (film.cuts.seams.clone(), u64::from(film.shape.clip_frames) / 2);
    let (mut none, mut cut, mut blend) = (Vec::new(), Vec::new(), Vec::new());
    for (seam, at) in seams.iter().enumerate() {
        let banks = film.banks(seam, 0);
        let overlap = Layout::new(film.shape, &film.cuts).unwrap().overlap(seam);
        let sides = [
            film.of_chain(seam, Frames::new(overlap.start, *at)),
            film.of_chain(seam + 1, Frames::new(*at, overlap.end)),
        ];
        let joints = [at - half, *at, at + half];
        let earlier = film.of_chain(seam, overlap);
        none.push(film.score(seam, &earlier, &joints));
        cut.push(film.score(seam, &Tensor::join(&sides).unwrap(), &[*at]));
        blend.push(film.score(seam, &banks.blended().unwrap(), &joints));
    }
    tell("the earlier chain alone, at the same frames", &none);
    tell("cut", &cut);
    tell("blend", &blend);
    let usual = film.model.bridging(&Settings::default());
    let usual = format!("{}:{}:{}:{}", usual.steps, usual.strength, usual.jumps, film.cuts.pinned);
    let ways = std::env::var("EMOFARM_BRIDGES").unwrap_or(usual);
    let mut found = Vec::new();
    for way in ways.split_whitespace() {
        let parts: Vec<f32> = way.split(':').map(|part| part.parse().unwrap()).collect();
        let (how, pinned) =
            (Bridging { steps: parts[0] as u32, strength: parts[1], jumps: parts[2] as u32 }, parts[3] as u32);
        let (mut scores, mut counts) = (Vec::new(), BTreeMap::new());
        for (seam, at) in seams.iter().enumerate() {
            let (name, bridge) = film.bridge(seam, how, pinned);
            *counts.entry(name).or_insert(0) += 1;
            let reach = if name == "whole" { u64::from(film.cuts.reach) } else { half };
            let joints = [at - reach + u64::from(pinned), *at, at + reach - u64::from(pinned)];
            scores.push(film.score(seam, &bridge, &joints));
        }
        found.push(tell(&format!("bridge, {how:?}, {pinned} held, {counts:?}"), &scores));
    }
    assert!(found.iter().all(|high| *high <= 1.2), "{found:?}");
}
