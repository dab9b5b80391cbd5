//! The model draws: from a portrait, a window of audio features and motion frames to a clip, and from latents to pictures.
//!
//! The calls are synchronous and may take seconds; callers run them off the async runtime. All state that
//! matters is in the arguments, so that any worker continues where another stopped.

use std::sync::Arc;

use crate::{
    Bundle, Error, Fps, Frames, Picture, Portrait, Result, Tensor, effort::Spent, face::FaceSearch, job::Settings,
};

/// The sizes that the plan and the other rooms must know of a model.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ModelShape {
    /// Frames denoised together.
    pub clip_frames: u32,
    /// Motion frames handed from clip to clip.
    pub motion_frames: u32,
    /// Audio features needed on either side of a frame.
    pub audio_margin: u32,
    /// Numbers in the audio features of one frame, flattened.
    pub feature_width: usize,
    /// Edge of the square picture in pixels.
    pub image_size: u32,
    /// Shape of one frame's latent: channels, height, width.
    pub latent: [usize; 3],
}

/// A model pack, loaded.
pub trait Model: Send + Sync {
    /// Name of the pack.
    fn name(&self) -> &str;

    /// SHA-256 of the pack's manifest (which holds the digests of its files).
    fn digest(&self) -> &str;

    /// Its sizes.
    fn shape(&self) -> ModelShape;

    /// Starts to turn 16 kHz mono samples into features at the frame times `i / fps`.
    fn audio_encoder(&self, fps: Fps) -> Box<dyn AudioEncoder>;

    /// How this model denoises bridges best in a job with these settings.
    fn bridging(&self, settings: &Settings) -> Bridging {
        settings.steps.map_or_else(Bridging::default, Bridging::after)
    }

    /// Finds a setting that this model cannot honour, before anything is queued.
    ///
    /// # Errors
    /// [`Cause::Order`](crate::error::Cause::Order) naming the setting; one that would have no effect is refused, not passed over.
    fn check(&self, settings: &Settings) -> Result<()> {
        let _ = settings;
        Ok(())
    }

    /// What a clip takes in a job with these settings; nothing for a model that denoises nothing.
    ///
    /// # Errors
    /// As [`Model::check`].
    fn effort(&self, settings: &Settings) -> Result<Option<Spent>> {
        self.check(settings).map(|()| None)
    }

    /// Looks for faces in an upright picture of any size. The same picture gives the same findings.
    ///
    /// # Errors
    /// When the detector's file is damaged or does not fit.
    fn find_faces(&self, picture: &Picture) -> Result<FaceSearch> {
        let _ = picture;
        Ok(FaceSearch::NoDetector)
    }

    /// Makes everything that is the same for all clips of a job. The portrait's crop has `image_size`.
    /// The bundle is all that [`Model::renderer`] needs, on whatever worker.
    fn prepare(&self, portrait: &Portrait, settings: &Settings) -> Result<Bundle>;

    /// Takes up a job that was prepared.
    fn renderer(&self, prepared: &Bundle, settings: &Settings, seed: u64) -> Result<Box<dyn Renderer>>;
}

/// What must be known of a pack to plan a film with it; its weights are not needed for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackCard {
    /// Name of the pack.
    pub name: String,
    /// SHA-256 of its manifest.
    pub digest: String,
    /// Its sizes.
    pub shape: ModelShape,
}

impl PackCard {
    /// The card of a model that is loaded already.
    pub fn of(model: &dyn Model) -> Self {
        Self { name: model.name().to_owned(), digest: model.digest().to_owned(), shape: model.shape() }
    }
}

/// The model packs that are installed where a process runs. Both calls read files and block.
pub trait Packs: Send + Sync {
    /// The card of the pack called `name`, without loading its weights.
    ///
    /// # Errors
    /// [`Cause::Order`](crate::error::Cause::Order) naming the pack when it is not installed here or is damaged.
    fn card(&self, name: &str) -> Result<PackCard>;

    /// The pack called `name` in the version with this `digest`, loaded. A pack that was loaded before may be given again.
    ///
    /// # Errors
    /// [`Cause::World`](crate::error::Cause::World) naming both digests when another version of the pack is installed here (another
    /// worker may have the right one); otherwise as [`Packs::card`].
    fn load(&self, name: &str, digest: &str) -> Result<Arc<dyn Model>>;

    /// Finds a setting that the pack cannot honour, as [`Model::check`]. Keepers that can tell without loading weights do so.
    ///
    /// # Errors
    /// As [`Model::check`] and [`Packs::load`].
    fn check(&self, pack: &PackCard, settings: &Settings) -> Result<()> {
        self.load(&pack.name, &pack.digest)?.check(settings)
    }

    /// What a clip takes with the pack, as [`Model::effort`]. Keepers that can tell without loading weights do so.
    ///
    /// # Errors
    /// As [`Model::effort`] and [`Packs::load`].
    fn effort(&self, pack: &PackCard, settings: &Settings) -> Result<Option<Spent>> {
        self.load(&pack.name, &pack.digest)?.effort(settings)
    }

    /// Looks for faces in an upright picture with the pack's detector, as [`Model::find_faces`]. Keepers that can do so without loading
    /// the weights of the network do so.
    ///
    /// # Errors
    /// As [`Model::find_faces`] and [`Packs::load`].
    fn find_faces(&self, pack: &PackCard, picture: &Picture) -> Result<FaceSearch> {
        self.load(&pack.name, &pack.digest)?.find_faces(picture)
    }
}

/// Turns a stream of samples into features, in bounded memory.
pub trait AudioEncoder: Send {
    /// Whether features depend on the whole track, so that [`Self::survey`] must see all of it before the first push.
    fn needs_survey(&self) -> bool {
        false
    }

    /// Takes the next samples of a first pass over the track.
    ///
    /// # Errors
    /// When a sample is not a number, or pushing has begun.
    fn survey(&mut self, samples: &[f32]) -> Result<()> {
        let _ = samples;
        Ok(())
    }

    /// Takes the next samples (16 kHz, mono) and returns the features of all frames that are complete with them:
    /// `[frames, feature_width]`, possibly with no rows.
    fn push(&mut self, samples: &[f32]) -> Result<Tensor>;

    /// Ends the stream: the features of the frames up to `frames` in all; silence stands in where the stream was shorter.
    fn finish(self: Box<Self>, frames: u64) -> Result<Tensor>;
}

/// Whether a long call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop at this step; the call ends in [`Error::stopped`](Error::stopped).
    Stop,
}

/// What one clip is made from.
#[derive(Clone, Debug)]
pub struct ClipInput {
    /// The frames, `clip_frames` of them, counted over the film; the last may lie beyond its end.
    pub frames: Frames,
    /// Features of frames `frames.start - audio_margin .. frames.end + audio_margin`, edges of the film repeated.
    pub features: Tensor,
    /// The last `motion_frames` latents before `frames.start`; nothing for the first clip of a chain.
    pub motion: Option<Tensor>,
    /// What is known of the frames already, for a clip of a bridge.
    pub known: Option<Known>,
    /// Which of several independent noises the clip is drawn from; 0 unless an earlier one was not good enough.
    pub take: u32,
    /// The film's rate: frame `i` is at the time `i / fps`.
    pub fps: Fps,
}

/// What is known of a clip before it is denoised (`RePaint`, Lugmayr et al., arXiv 2201.09865; `SDEdit`, Meng et al., arXiv 2108.01073).
#[derive(Clone, Debug)]
pub struct Known {
    /// A latent for every frame of the clip, `[clip_frames, channels, height, width]`: for those that are pinned what they shall be, for
    /// the others what they start from.
    pub latents: Tensor,
    /// For every frame, whether it is held: noised to the level of each step and put back, and what was given at the end.
    pub pinned: Vec<bool>,
    /// How the others are denoised.
    pub bridging: Bridging,
}

/// How the frames of a bridge are denoised.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridging {
    /// Denoising steps.
    pub steps: u32,
    /// Where in the schedule free frames start, in (0, 1]: 1 is noise alone, less keeps more of what is known of them.
    pub strength: f32,
    /// How often every step is taken back and made again, so that free frames come to agree with pinned ones.
    pub jumps: u32,
}

impl Default for Bridging {
    /// What joined chains of the demo model best; `docs/network.md` has the figures.
    fn default() -> Self {
        Self { steps: 2, strength: 0.3, jumps: 0 }
    }
}

impl Bridging {
    /// The usual bridging for a model whose clips take `steps` steps: as dense as those over the part of the schedule that is left, and
    /// never fewer than two.
    pub fn after(steps: u32) -> Self {
        let usual = Self::default();
        let dense = (f64::from(steps) * f64::from(usual.strength)).round() as u32;
        Self { steps: usual.steps.max(dense).min(1000), ..usual }
    }

    /// Finds a number that no model can honour.
    ///
    /// # Errors
    /// [`Cause::Order`](crate::error::Cause::Order) naming it.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::order(format!("a bridge cannot be denoised with {what}")));
        match self {
            Self { steps: 0 | 1001.., .. } => wrong(format!("{} steps; 1 to 1000 are possible", self.steps)),
            Self { jumps: 101.., .. } => wrong(format!("{} jumps; 100 are the most", self.jumps)),
            Self { strength, .. } if !(*strength > 0.0 && *strength <= 1.0) => {
                wrong(format!("a strength of {strength}; it lies above 0 and is 1 at the most"))
            }
            Self { .. } => Ok(()),
        }
    }
}

impl Known {
    /// Checks that it tells of a clip of `frames` latents of shape `latent`.
    ///
    /// # Errors
    /// When it does not, or its numbers cannot be honoured.
    pub fn check(&self, frames: usize, latent: [usize; 3]) -> Result<()> {
        let [channels, height, width] = latent;
        self.bridging.check()?;
        if self.latents.shape() == [frames, channels, height, width] && self.pinned.len() == frames {
            return Ok(());
        }
        let (shape, pinned) = (self.latents.shape(), self.pinned.len());
        let message =
            format!("known latents of shape {shape:?} and {pinned} flags do not tell of a clip of {frames} frames");
        Err(Error::world(message))
    }
}

/// A model at work on one job.
pub trait Renderer: Send {
    /// Denoises one clip: latents `[clip_frames, channels, height, width]`, rounded to half precision.
    /// `step` is called before every denoising step with its index.
    ///
    /// # Errors
    /// When stopped, or when a latent is not a finite number (naming the frame).
    fn render(&mut self, clip: &ClipInput, step: &mut dyn FnMut(u32) -> Control) -> Result<Tensor>;

    /// Whether some steps of its clips reuse what deep layers made at an earlier step.
    fn reuses(&self) -> bool {
        false
    }

    /// As [`Renderer::render`], with the whole network in every step: for a clip that came out badly when steps were reused.
    ///
    /// # Errors
    /// As [`Renderer::render`].
    fn render_whole(&mut self, clip: &ClipInput, step: &mut dyn FnMut(u32) -> Control) -> Result<Tensor> {
        self.render(clip, step)
    }

    /// The latent of the portrait, `[1, channels, height, width]`, to be decoded as frame 0: what the pictures of a film are compared with.
    /// Nothing for a model whose pictures are no likeness of the portrait; such films are not judged.
    ///
    /// # Errors
    /// When what was prepared cannot be read.
    fn portrait(&self) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// Decodes latents `[n, channels, height, width]` of frames `first..first + n` to `n` pictures of `image_size`.
    fn decode(&mut self, latents: &Tensor, first: u64) -> Result<Vec<Picture>>;

    /// What a film shows of decoded pictures of the frames from `first` on, where that is more than the network draws: a head that is turned along
    /// the film's path; nothing where they are shown as they are. A function of the picture, the frame and the rate alone.
    ///
    /// # Errors
    /// When the pictures are not of this model.
    fn show(&self, _pictures: &[Picture], _first: u64, _fps: Fps) -> Result<Option<Vec<Picture>>> {
        Ok(None)
    }
}
