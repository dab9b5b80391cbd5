//! A model whose latents tell what they were made from.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use shared::{
    Bundle, FaceBox, Fps, Picture, Portrait, Result, Tensor,
    digest::Digest,
    face::{FaceFinding, FaceSearch},
    job::Settings,
    ports::{AudioEncoder, ClipInput, Control, Model, ModelShape, Renderer},
};

/// Frames in a clip.
pub(crate) const CLIP: u32 = 4;
const MOTION: usize = 2;
const SIZE: u32 = 64;

/// Whether a rendering is spoilt: by the clip's first frame, the take, and whether there are motion frames.
pub(crate) type Spoils = fn(u64, u32, bool) -> bool;

/// What a test wants the model to do, and what it saw.
#[derive(Default)]
pub(crate) struct Script {
    /// First frames of the clips that were rendered, in order.
    pub(crate) rendered: Mutex<Vec<u64>>,
    /// How many renderers were made.
    pub(crate) renderers: AtomicUsize,
    /// The clip with this first frame comes out broken, so many times.
    pub(crate) broken: Mutex<Option<(u64, usize)>>,
    /// The clip with this first frame goes on until it is told to stop.
    pub(crate) endless: Mutex<Option<u64>>,
    /// The clip with this first frame takes so long without a step.
    pub(crate) slow: Mutex<Option<(u64, std::time::Duration)>>,
    /// Told when the endless or the slow clip began.
    pub(crate) began: tokio::sync::Notify,
    /// Told when the endless clip stopped.
    pub(crate) stopped: tokio::sync::Notify,
    /// When it is there, pictures are likenesses of the portrait but for renderings that are spoilt.
    pub(crate) spoils: Mutex<Option<Spoils>>,
    /// When it is there, steps are reused, and the clips with these first frames come out spoilt unless they are rendered whole.
    pub(crate) reused: Mutex<Option<Vec<u64>>>,
    /// First frames of the clips that were rendered whole, in order.
    pub(crate) whole: Mutex<Vec<u64>>,
    /// What the detector sees; without it there is no detector.
    pub(crate) faces: Mutex<Option<Vec<FaceFinding>>>,
    /// Where chains begin besides the film's first.
    pub(crate) chains: Mutex<Vec<u64>>,
    /// The face boxes that portraits were prepared with, in pixels of the crop.
    pub(crate) prepared: Mutex<Vec<Option<FaceBox>>>,
}

/// A model of checksums.
pub(crate) struct Checksums(pub(crate) Arc<Script>);

impl Model for Checksums {
    fn name(&self) -> &'static str {
        "checksums"
    }

    fn digest(&self) -> &'static str {
        "00"
    }

    fn shape(&self) -> ModelShape {
        ModelShape {
            clip_frames: CLIP,
            motion_frames: MOTION as u32,
            audio_margin: 1,
            feature_width: 1,
            image_size: SIZE,
            latent: [2, 1, 1],
        }
    }

    fn audio_encoder(&self, fps: Fps) -> Box<dyn AudioEncoder> {
        Box::new(Loudness { fps, frame: 0, samples: Vec::new(), taken: 0 })
    }

    fn find_faces(&self, _: &Picture) -> Result<FaceSearch> {
        Ok(self.0.faces.lock().unwrap().clone().map_or(FaceSearch::NoDetector, FaceSearch::found))
    }

    fn prepare(&self, portrait: &Portrait, _: &Settings) -> Result<Bundle> {
        portrait.check(SIZE)?;
        self.0.prepared.lock().unwrap().push(portrait.face);
        let mut digest = Digest::new();
        digest.field(portrait.picture.data());
        digest.field(format!("{:?} {:?}", portrait.face, portrait.key_points).as_bytes());
        Ok(Bundle::of("portrait", Tensor::new([1], vec![number(digest)])?))
    }

    fn renderer(&self, prepared: &Bundle, _: &Settings, seed: u64) -> Result<Box<dyn Renderer>> {
        self.0.renderers.fetch_add(1, Ordering::SeqCst);
        let portrait = prepared.get("portrait")?.data()[0];
        Ok(Box::new(Summing { portrait, seed, whole: false, script: self.0.clone() }))
    }
}

/// A digest as a whole number that half precision holds.
fn number(digest: Digest) -> f32 {
    let hex = digest.hex();
    u16::from_str_radix(&hex[..4], 16).map_or(0.0, |bits| f32::from(bits % 2048))
}

/// Mean loudness of each frame.
struct Loudness {
    fps: Fps,
    frame: u64,
    samples: Vec<f32>,
    taken: u64,
}

impl Loudness {
    fn frames(&mut self, flush: bool) -> Vec<f32> {
        let mut rows = Vec::new();
        loop {
            let end = (self.frame + 1) * 16_000 * u64::from(self.fps.den()) / u64::from(self.fps.num());
            let needed = (end - self.taken) as usize;
            let last = flush && !self.samples.is_empty();
            if self.samples.len() < needed && !last {
                return rows;
            }
            let frame: Vec<f32> = self.samples.drain(..needed.min(self.samples.len())).collect();
            rows.push(100.0 * frame.iter().map(|x| x.abs()).sum::<f32>() / frame.len().max(1) as f32);
            (self.frame, self.taken) = (self.frame + 1, end);
        }
    }
}

impl AudioEncoder for Loudness {
    fn push(&mut self, samples: &[f32]) -> Result<Tensor> {
        self.samples.extend_from_slice(samples);
        let rows = self.frames(false);
        Tensor::new([rows.len(), 1], rows)
    }

    fn finish(mut self: Box<Self>, frames: u64) -> Result<Tensor> {
        let given = self.frame;
        let mut rows = self.frames(true);
        rows.resize(frames.saturating_sub(given) as usize, 0.0);
        Tensor::new([rows.len(), 1], rows)
    }
}

struct Summing {
    portrait: f32,
    seed: u64,
    /// Whether the clip at hand is rendered whole.
    whole: bool,
    script: Arc<Script>,
}

impl Summing {
    /// Whether what is reused spoils a clip.
    fn suffers(&self, first: u64) -> bool {
        let reused = self.script.reused.lock().unwrap();
        !self.whole && reused.as_ref().is_some_and(|spoilt| spoilt.contains(&first))
    }

    fn go_on_until_stopped(&self, clip: &ClipInput, step: &mut dyn FnMut(u32) -> Control) -> bool {
        if *self.script.endless.lock().unwrap() != Some(clip.frames.start) {
            return step(0) == Control::Stop;
        }
        self.script.began.notify_one();
        while step(0) == Control::Continue {
            std::thread::yield_now();
        }
        self.script.stopped.notify_one();
        true
    }

    fn takes_its_time(&self, clip: &ClipInput) {
        let slow = *self.script.slow.lock().unwrap();
        if let Some((_, time)) = slow.filter(|(first, _)| *first == clip.frames.start) {
            self.script.began.notify_one();
            std::thread::sleep(time);
        }
    }

    fn breaks(&self, clip: &ClipInput) -> bool {
        match &mut *self.script.broken.lock().unwrap() {
            Some((first, times)) if *first == clip.frames.start && *times > 0 => {
                *times -= 1;
                true
            }
            _ => false,
        }
    }
}

impl Renderer for Summing {
    fn render(&mut self, clip: &ClipInput, step: &mut dyn FnMut(u32) -> Control) -> Result<Tensor> {
        assert_eq!(clip.frames.len(), u64::from(CLIP));
        assert_eq!(clip.features.shape(), [CLIP as usize + 2, 1]);
        let (spoils, moves) = (*self.script.spoils.lock().unwrap(), clip.motion.is_some());
        let anchors = spoils.is_some() && clip.take == 0;
        let begins = clip.frames.start == 0 || self.script.chains.lock().unwrap().contains(&clip.frames.start);
        assert!(anchors || moves || begins, "every clip but the first of a chain has motion frames");
        assert!(!moves || clip.frames.start > 0, "nothing comes before the film");
        self.takes_its_time(clip);
        if self.go_on_until_stopped(clip, step) {
            return Err(shared::Error::stopped());
        }
        self.script.rendered.lock().unwrap().push(clip.frames.start);
        let mut digest = Digest::new();
        digest.field(format!("{} {} {:?}", self.seed, self.portrait, clip.frames).as_bytes());
        if clip.take > 0 {
            digest.field(&clip.take.to_le_bytes());
        }
        let motion = clip.motion.iter().inspect(|motion| assert_eq!(motion.shape(), [MOTION, 2, 1, 1]));
        for tensor in [&clip.features].into_iter().chain(motion) {
            tensor.data().iter().for_each(|x| digest.update(&x.to_bits().to_le_bytes()));
        }
        if let Some(known) = &clip.known {
            known.check(CLIP as usize, [2, 1, 1])?;
            digest.field(format!("{:?} {:?} {:?}", known.pinned, known.bridging, known.latents).as_bytes());
        }
        let sum = match spoils {
            _ if self.breaks(clip) => f32::NAN,
            None => number(digest),
            // Near the portrait's latent; below zero it is drawn as fog.
            Some(spoils) => {
                let like = 1000.0 + number(digest) % 100.0;
                let spoilt = spoils(clip.frames.start, clip.take, moves) || self.suffers(clip.frames.start);
                if spoilt { -like } else { like }
            }
        };
        let held = |place: usize| clip.known.as_ref().filter(|known| known.pinned[place]);
        let row = |(place, frame): (usize, u64)| match held(place) {
            Some(known) => [known.latents.data()[2 * place], known.latents.data()[2 * place + 1]],
            // Where pictures are likenesses, a bridge stays at what it starts from.
            None => match &clip.known {
                Some(known) if spoils.is_some() && sum > 0.0 => [frame as f32, known.latents.data()[2 * place + 1]],
                _ => [frame as f32, sum],
            },
        };
        let rows = (clip.frames.start..clip.frames.end).enumerate().flat_map(row).collect();
        Tensor::new([CLIP as usize, 2, 1, 1], rows)
    }

    fn reuses(&self) -> bool {
        self.script.reused.lock().unwrap().is_some()
    }

    fn render_whole(&mut self, clip: &ClipInput, step: &mut dyn FnMut(u32) -> Control) -> Result<Tensor> {
        self.script.whole.lock().unwrap().push(clip.frames.start);
        self.whole = true;
        let rendered = self.render(clip, step);
        self.whole = false;
        rendered
    }

    fn portrait(&self) -> Result<Option<Tensor>> {
        let drawn = self.script.spoils.lock().unwrap().is_some();
        drawn.then(|| Tensor::new([1, 2, 1, 1], vec![0.0, 1000.0])).transpose()
    }

    fn decode(&mut self, latents: &Tensor, first: u64) -> Result<Vec<Picture>> {
        let picture = |(at, latent): (usize, &[f32])| {
            assert_eq!(latent[0] as u64, first + at as u64, "the latent of another frame");
            if self.script.spoils.lock().unwrap().is_some() && latent[1] >= 0.0 {
                return Ok(chart(latent[0] as u32));
            }
            let grey = (latent[1] as u32 % 256) as u8;
            Picture::new(SIZE, SIZE, vec![grey; (SIZE * SIZE * 3) as usize])
        };
        latents.data().chunks_exact(2).enumerate().map(picture).collect()
    }
}

/// A chart with much to see in it, which moves from frame to frame.
fn chart(frame: u32) -> Picture {
    let dark = |at: u32| ((at % SIZE + frame) / 4 + at / SIZE / 4).is_multiple_of(2);
    let pixel = |at: u32| if dark(at) { [30, 40, 50] } else { [220, 200, 190] };
    Picture::new(SIZE, SIZE, (0..SIZE * SIZE).flat_map(pixel).collect()).unwrap()
}
