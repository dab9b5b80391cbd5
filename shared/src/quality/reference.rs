//! The portrait as the network draws it, and how like it a clip's end is.

use super::{Colour, Regions, dark_share, eye_contrast, is_black, look::mean_luma, sharpness_but, short};
use crate::{Picture, Tensor};

/// Contrast under which the eyes of a portrait cannot be told from closed ones.
const SEEING: f32 = 0.03;

/// The measures of the portrait, decoded from its own latent: what goes through the autoencoder comes out softer, and a film is to be
/// compared with what the network could draw at best.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Reference {
    /// Where to look.
    pub regions: Regions,
    /// Sharpness of the face around the mouth.
    pub sharpness: f32,
    /// Colour of the face.
    pub colour: Colour,
    /// Contrast in the eyes.
    pub eyes: f32,
    /// Luma of the face.
    pub skin: f32,
    /// Standard deviation of the latent.
    pub latent: f32,
}

impl Reference {
    /// Measures `drawn`, a portrait decoded from its `latent`, of which `regions` says where to look.
    pub fn of(regions: Regions, drawn: &Picture, latent: &Tensor) -> Self {
        Self {
            regions,
            sharpness: sharpness_but(drawn, regions.face, regions.mouth),
            colour: Colour::of(drawn, regions.face),
            eyes: eye_contrast(drawn, &regions.eyes),
            skin: mean_luma(drawn, regions.face),
            latent: spread(latent.data()),
        }
    }

    /// How far the mouth of a picture is open: the dark share of its region.
    pub fn mouth(&self, picture: &Picture) -> f32 {
        short(dark_share(picture, self.regions.mouth, self.skin))
    }

    /// Sharpness of a picture's face over the portrait's. A mouth is left out: wide open it is one even dark, and no blur.
    pub fn sharp(&self, picture: &Picture) -> f32 {
        sharpness_but(picture, self.regions.face, self.regions.mouth) / self.sharpness.max(f32::MIN_POSITIVE)
    }

    /// How like the portrait a clip is: by its `latents` and by the `pictures` of its last frames.
    pub fn likeness(&self, latents: &Tensor, pictures: &[Picture]) -> Likeness {
        let each = |measure: &dyn Fn(&Picture) -> f32| pictures.iter().map(measure).collect::<Vec<f32>>();
        let sharp = each(&|picture| self.sharp(picture));
        let colour = each(&|picture| Colour::of(picture, self.regions.face).distance(&self.colour));
        let eyes = each(&|picture| eye_contrast(picture, &self.regions.eyes) / self.eyes.max(f32::MIN_POSITIVE));
        let row = latents.data().len() / latents.rows().max(1);
        let spreads = latents.data().chunks(row.max(1)).map(|frame| spread(frame) / self.latent.max(f32::MIN_POSITIVE));
        let (low, high) = spreads.fold((f32::MAX, 0.0_f32), |(low, high), x| (low.min(x), high.max(x)));
        Likeness {
            sharpness: short(sharp.iter().sum::<f32>() / sharp.len().max(1) as f32),
            colour: short(colour.into_iter().fold(0.0, f32::max)),
            eyes: (self.eyes >= SEEING).then(|| short(eyes.into_iter().fold(0.0, f32::max))),
            latents: [short(low), short(high)],
            black: pictures.iter().any(is_black),
        }
    }
}

/// The standard deviation of some numbers.
fn spread(numbers: &[f32]) -> f32 {
    let count = numbers.len().max(1) as f64;
    let mean = numbers.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    (numbers.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count).sqrt() as f32
}

/// How like the portrait a clip is where it hands on to the next.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Likeness {
    /// Sharpness of the face over the portrait's, the mean of the frames looked at.
    pub sharpness: f32,
    /// Distance of the face's colour from the portrait's, 0 to 1, the largest of the frames looked at.
    pub colour: f32,
    /// Contrast in the eyes over the portrait's in the frame where they are open widest; nothing when the portrait's show none.
    pub eyes: Option<f32>,
    /// Standard deviation of the latent over the portrait's, the smallest and the largest of all frames of the clip.
    pub latents: [f32; 2],
    /// Whether a frame that was looked at is black.
    pub black: bool,
}
