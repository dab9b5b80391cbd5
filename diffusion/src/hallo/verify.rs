//! Runs a pack's network on the inputs of a golden file and compares everything that the file holds.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde::Serialize;
use shared::{
    Error, Result,
    job::{Compute, MotionHandoff, ReferenceReading},
    ports::model::Control,
};

use super::{
    film::{Film, Manner, Prepared},
    golden::Golden,
    network::Network,
    region::Masks,
};
use crate::{
    cuda::read,
    kernels::Form,
    pack::hallo::{HalloConfig, HalloPack},
    sampler::{Sampling, failed},
    wav2vec::{SAMPLE_RATE, Wav2Vec},
};

/// What is compared with what.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// The golden file; the one in the pack's directory when absent.
    pub golden: Option<PathBuf>,
    /// Largest relative error that passes.
    pub tolerance: f64,
    /// How reference features are read; as the golden file was computed when absent.
    pub reference: Option<ReferenceReading>,
    /// How exactly the network is computed; speech is always heard exactly.
    pub compute: Compute,
    /// Where it is computed.
    pub device: crate::Device,
}

/// One golden tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerifyRow {
    /// Its name, without `golden.`.
    pub tensor: String,
    /// Its extents.
    pub shape: Vec<usize>,
    /// Norm of the difference over the norm of the golden tensor; nothing where this program computes no such tensor, or one
    /// of another size.
    pub error: Option<f64>,
    /// Whether the error is within the tolerance.
    pub passes: bool,
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerifyReport {
    /// The golden file.
    pub golden: PathBuf,
    /// How reference features were read.
    pub reference: ReferenceReading,
    /// Largest relative error that passes.
    pub tolerance: f64,
    /// One row for each golden tensor, in the order in which they were computed.
    pub rows: Vec<VerifyRow>,
}

impl VerifyReport {
    /// Whether every row passes; a file without golden tensors proves nothing and does not.
    pub fn passes(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.passes)
    }
}

/// Name of the golden file that lies in a pack, for a reading.
fn beside(dir: &Path, reading: Option<ReferenceReading>) -> PathBuf {
    dir.join(match reading {
        Some(ReferenceReading::Corrected) => "golden_corrected.safetensors",
        _ => "golden.safetensors",
    })
}

/// Compares the network of `pack` with a golden file; `each` sees every row as soon as it is there.
///
/// # Errors
/// When pack or file cannot be read, or an input is missing or of another size.
pub(crate) fn verify(
    pack: &HalloPack,
    options: &VerifyOptions,
    each: &mut dyn FnMut(&VerifyRow),
) -> Result<VerifyReport> {
    let file = options.golden.clone().unwrap_or_else(|| beside(&pack.dir, options.reference));
    let golden = Golden::read(&file)?;
    let reference = options.reference.unwrap_or_else(|| golden.reading());
    let mut table = Table { golden: &golden, tolerance: options.tolerance, rows: Vec::new(), each };
    let config = &pack.config;
    let features = speech(pack, &mut table)?;
    let form = Form::on(options.device, Some(options.compute))?;
    let network = Network::load(config, pack.network()?.computed(form), pack.vae()?.computed(form.decoding()))?;
    Walk { config, network: &network, reference, features: &features }.go(&mut table)?;
    table.finish();
    let rows = table.rows;
    Ok(VerifyReport { golden: file, reference, tolerance: options.tolerance, rows })
}

/// The rows so far.
struct Table<'a> {
    golden: &'a Golden,
    tolerance: f64,
    rows: Vec<VerifyRow>,
    each: &'a mut dyn FnMut(&VerifyRow),
}

impl Table<'_> {
    /// Compares `found` with the golden tensor `name`, if there is one.
    fn compare(&mut self, name: &str, found: &[f32]) {
        if let Some(golden) = self.golden.golden(name) {
            let error = relative_error(found, golden.data());
            self.push(name, golden.shape().to_vec(), error);
        }
    }

    /// As [`Self::compare`], for a tensor whose axes lie like those of the golden one.
    fn tensor(&mut self, name: &str, found: &Tensor) -> candle_core::Result<()> {
        self.compare(name, &read(found)?);
        Ok(())
    }

    fn push(&mut self, name: &str, shape: Vec<usize>, error: Option<f64>) {
        let passes = error.is_some_and(|error| error <= self.tolerance);
        let row = VerifyRow { tensor: name.to_owned(), shape, error, passes };
        (self.each)(&row);
        self.rows.push(row);
    }

    /// Golden tensors that nothing was compared with fail.
    fn finish(&mut self) {
        let golden = self.golden;
        for name in golden.expected() {
            if let Some(tensor) = golden.golden(name).filter(|_| self.rows.iter().all(|row| row.tensor != name)) {
                self.push(name, tensor.shape().to_vec(), None);
            }
        }
    }
}

/// Norm of the difference over the norm of `golden`; nothing for other sizes.
fn relative_error(found: &[f32], golden: &[f32]) -> Option<f64> {
    let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    let distance = norm(&mut found.iter().zip(golden).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    let size = norm(&mut golden.iter().map(|x| f64::from(*x)));
    let error = if size > 0.0 { distance / size } else { distance };
    // A comparison with NaN is never within any tolerance.
    (found.len() == golden.len() && !error.is_nan()).then_some(error)
}

/// The hidden states of the speech, one row a frame.
fn speech(pack: &HalloPack, table: &mut Table<'_>) -> Result<shared::Tensor> {
    let waveform = table.golden.raw("waveform")?.data();
    let encoder = Wav2Vec::load(pack.speech()?, &pack.config.wav2vec)?;
    let samples = SAMPLE_RATE as usize / pack.config.clip.fps.max(1) as usize;
    let hidden = encoder.hidden_states(waveform, waveform.len().div_ceil(samples))?;
    table.compare("wav2vec_hidden", hidden.data());
    Ok(hidden)
}

/// The network on its way through all clips.
struct Walk<'a> {
    config: &'a HalloConfig,
    network: &'a Network,
    reference: ReferenceReading,
    features: &'a shared::Tensor,
}

impl Walk<'_> {
    fn go(&self, table: &mut Table<'_>) -> Result<()> {
        let portrait = self.portrait(table)?;
        let sampler = &self.config.sampler;
        let sampling = Sampling::of_velocity(sampler.into(), sampler.steps, sampler.guidance);
        let shares: Vec<f32> = sampling.shares().iter().map(|share| *share as f32).collect();
        table.compare("alphas_cumprod", &shares);
        table.compare("timesteps", &sampling.course().iter().map(|step| step.t as f32).collect::<Vec<_>>());
        let manner = Manner {
            sampling,
            reading: self.reference,
            handoff: MotionHandoff::Pixels,
            branches: self.config.branches,
        };
        let film = Film::new(self.network, self.config, &portrait, manner).map_err(failed)?;
        let mut before = None;
        for clip in 0.. {
            if !table.golden.has(&format!("clip{clip}.noise")) {
                break;
            }
            before = Some(self.clip(&film, clip, before.as_ref(), table)?);
        }
        Ok(())
    }

    fn portrait(&self, table: &mut Table<'_>) -> Result<Prepared> {
        let (size, golden) = (self.config.picture.size, table.golden);
        let pixels = golden.input("reference_pixels", &[3, size, size])?;
        let region = golden.input("face_region", &[3, size, size])?;
        let embedding = golden.input("face_embedding", &[1, self.config.face.embedding])?;
        let mut look = || {
            let portrait = Prepared::new(
                self.network,
                &channels_last(&pixels.unsqueeze(0)?)?,
                &channels_last(&region.unsqueeze(0)?)?,
                &embedding,
                self.masks(golden).map_err(candle_core::Error::wrap)?,
            )?;
            let [blind, seeing] = &portrait.tokens;
            table.tensor("image_tokens", seeing)?;
            table.tensor("image_tokens_uncond", blind)?;
            table.tensor("face_locator", &channels_first(&portrait.locator)?)?;
            table.tensor("vae_encode_reference", &channels_first(&portrait.latent)?)?;
            Ok(portrait)
        };
        look().map_err(failed)
    }

    /// The masks of each level; a golden file calls them by the pixels of the picture to one of theirs.
    fn masks(&self, golden: &Golden) -> Result<Masks> {
        let levels = self.config.unet.channels.len();
        let planes = (0..levels).map(|level| {
            let factor = self.config.factor() << level;
            let size = self.config.picture.size / factor;
            ["full", "face", "lip"]
                .into_iter()
                .map(|region| {
                    let name = format!("mask_{region}_{factor}");
                    golden.input(&name, &[size, size]).and_then(|_| golden.raw(&name)).map(shared::Tensor::data)
                })
                .collect::<Result<Vec<_>>>()
        });
        let planes = planes.collect::<Result<Vec<_>>>()?;
        let levels: Vec<[&[f32]; 3]> = planes.iter().map(|level| [level[0], level[1], level[2]]).collect();
        Masks::new(&levels)
    }

    /// Draws a clip from the last latents `before` and gives its own last ones, channels last.
    fn clip(&self, film: &Film, clip: usize, before: Option<&Tensor>, table: &mut Table<'_>) -> Result<Tensor> {
        let (frames, height, width, channels) = film.latent_shape();
        let noise = table.golden.input(&format!("clip{clip}.noise"), &[channels, frames, height, width])?;
        let features = self.features_of(clip * frames)?;
        let mut draw = || {
            let audio = self.network.audio.forward(&features)?;
            table.tensor(&format!("clip{clip}.audio_tokens"), &audio)?;
            let motion = film.motion(self.network, before)?;
            table.tensor(&format!("clip{clip}.motion_latents"), &channels_first(&motion)?)?;
            let given = film.conditions(self.network, &audio, &motion)?;
            let noise = noise.permute((1, 2, 3, 0))?.contiguous()?.flatten_all()?.to_vec1::<f32>()?;
            let mut step = 0;
            let latents = film.sampling().run(noise, &mut |_| Control::Continue, |x, at| {
                if step > 0 {
                    table.compare(&format!("clip{clip}.step{}.latents", step - 1), &frames_inside(x, film)?);
                }
                let noisy = Tensor::from_slice(x, film.latent_shape(), &Device::Cpu)?;
                let (mut seeing, blind) = film.predict(self.network, &noisy, at.t, &given)?;
                let mut both =
                    blind.as_deref().map(|blind| frames_inside(blind, film)).transpose()?.unwrap_or_default();
                both.extend(frames_inside(&seeing, film)?);
                table.compare(&format!("clip{clip}.step{step}.model_output"), &both);
                if let Some(blind) = &blind {
                    film.sampling().guide(&mut seeing, blind);
                }
                step += 1;
                Ok(seeing)
            });
            let latents = latents.map_err(candle_core::Error::wrap)?;
            table.compare(&format!("clip{clip}.step{}.latents", step - 1), &frames_inside(&latents, film)?);
            let latents = Tensor::from_vec(latents, film.latent_shape(), &Device::Cpu)?;
            let pictures = self.network.vae.decode(&latents)?.affine(0.5, 0.5)?.clamp(0f32, 1f32)?;
            table.tensor(&format!("clip{clip}.frames"), &pictures.permute((3, 0, 1, 2))?.contiguous()?)?;
            let motion = self.config.clip.motion_frames;
            latents.narrow(0, frames - motion, motion)?.contiguous()
        };
        draw().map_err(failed)
    }

    /// Features of the clip that starts at `first`, half a window more on either side, the first and last of the file repeated.
    fn features_of(&self, first: usize) -> Result<Tensor> {
        let (frames, margin) = (self.config.clip.frames, self.config.audio.window / 2);
        let (rows, width) = (self.features.rows(), self.config.feature_width());
        let row = |place: usize| (first + place).saturating_sub(margin).min(rows - 1);
        let places = 0..frames + 2 * margin;
        let data: Vec<f32> =
            places.flat_map(|place| &self.features.data()[row(place) * width..][..width]).copied().collect();
        if rows < first + frames {
            let what = format!("the waveform of {rows} frames ends before frame {}", first + frames);
            return Err(Error::order(what).mend("the golden file's clips lie beyond its own waveform"));
        }
        Tensor::from_vec(data, (frames + 2 * margin, width), &Device::Cpu).map_err(failed)
    }
}

/// Maps `[n, c, h, w]` as `[n, h, w, c]`.
fn channels_last(x: &Tensor) -> candle_core::Result<Tensor> {
    x.permute((0, 2, 3, 1))?.contiguous()
}

/// Maps `[n, h, w, c]` as `[n, c, h, w]`.
fn channels_first(x: &Tensor) -> candle_core::Result<Tensor> {
    x.permute((0, 3, 1, 2))?.contiguous()
}

/// Numbers `[f, h, w, c]` as `[c, f, h, w]`, in which the published program keeps latents.
fn frames_inside(x: &[f32], film: &Film) -> candle_core::Result<Vec<f32>> {
    Tensor::from_slice(x, film.latent_shape(), &Device::Cpu)?.permute((3, 0, 1, 2))?.flatten_all()?.to_vec1()
}
