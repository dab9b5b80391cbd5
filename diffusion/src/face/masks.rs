//! Region masks and the mask of the Face Locator, with the arithmetic of Hallo's published preparation.

use shared::{FaceBox, Portrait, job::Settings};

use super::{
    blur::blurred,
    regions::Regions,
    resize::{filtered, sampled},
};

/// Edge of the masks that are blurred, whatever the size of the picture.
const BASE: usize = 64;

/// Window of the blur of the face's mask, in pixels of the base.
const FACE_WINDOW: usize = 51;

/// Window of the blur of the lips' mask.
const LIP_WINDOW: usize = 31;

/// How much each pixel of a map belongs to the face, to the lips, and to everything else: for each resolution at which the network
/// attends to the audio. They weigh the three branches of its audio layers (Hallo, arXiv 2406.08801, section 3.2).
#[derive(Clone, Debug, PartialEq)]
pub struct RegionMasks {
    /// At the latent's own size, at a half, a quarter and an eighth of it.
    pub levels: [MaskLevel; 4],
}

/// The masks of one resolution: `edge * edge` values from 0 to 1, rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskLevel {
    /// Edge of the map.
    pub edge: usize,
    /// What is not the face.
    pub full: Vec<f32>,
    /// The face without the lips.
    pub face: Vec<f32>,
    /// The lips.
    pub lip: Vec<f32>,
}

impl MaskLevel {
    /// In the order of the network's branches: full, face, lip.
    pub fn branches(&self) -> [&[f32]; 3] {
        [&self.full, &self.face, &self.lip]
    }
}

impl RegionMasks {
    /// The masks of a portrait for latents of `latent` x `latent`, a multiple of 8.
    pub fn of(portrait: &Portrait, settings: &Settings, latent: usize) -> Self {
        let regions = Regions::of(portrait, settings);
        Self::of_regions(&regions, portrait.picture.width() as usize, latent)
    }

    /// The masks of two regions in a picture of `size` x `size`.
    pub fn of_regions(regions: &Regions, size: usize, latent: usize) -> Self {
        let around_face = soft(regions.face, size, FACE_WINDOW);
        let lip = soft(regions.lips, size, LIP_WINDOW);
        // As published, by way of shares of 1 that are cut and not rounded: some values end one lower than 255 less themselves.
        let full: Vec<u8> = around_face.iter().map(|x| ((1.0 - f64::from(*x) / 255.0) * 255.0) as u8).collect();
        let face: Vec<u8> = around_face.iter().zip(&lip).map(|(face, lip)| face.saturating_sub(*lip)).collect();
        let scaled = |mask: &[u8], edge| filtered(mask, BASE, edge).iter().map(|x| f32::from(*x) / 255.0).collect();
        let level = |halvings: usize| {
            let edge = (latent >> halvings).max(1);
            MaskLevel { edge, full: scaled(&full, edge), face: scaled(&face, edge), lip: scaled(&lip, edge) }
        };
        Self { levels: [0, 1, 2, 3].map(level) }
    }
}

/// The mask of a region, scaled to the base, blurred, and stretched to the range from 0 to 255.
fn soft(region: FaceBox, size: usize, window: usize) -> Vec<u8> {
    let hard: Vec<u8> = inside(region, size).map(|inside| if inside { 255 } else { 0 }).collect();
    stretched(blurred(&sampled(&hard, 1, (size, size), (BASE, BASE)), BASE, window))
}

/// Stretches values to the range from 0 to 255. A mask of one value stays, where the published code would make it 0 and thereby
/// take a face that fills the picture for none.
fn stretched(mut mask: Vec<u8>) -> Vec<u8> {
    let (least, most) = mask.iter().fold((u8::MAX, 0), |(least, most), x| (least.min(*x), most.max(*x)));
    if least < most {
        let scale = 255.0 / f64::from(most - least);
        let shift = -f64::from(least) * scale;
        // OpenCV computes in single precision with a fused multiplication and addition.
        let (scale, shift) = (f64::from(scale as f32), f64::from(shift as f32));
        for x in &mut mask {
            *x = ((f64::from(*x) * scale + shift) as f32).round_ties_even() as u8;
        }
    }
    mask
}

/// Which pixels of a square picture lie in a rectangle, rows from the top.
fn inside(region: FaceBox, size: usize) -> impl Iterator<Item = bool> {
    let within = |start: u32, length: u32, at: usize| (start as usize..start as usize + length as usize).contains(&at);
    (0..size * size).map(move |i| within(region.x, region.w, i % size) && within(region.y, region.h, i / size))
}

/// What the Face Locator sees: 1 in the expanded face box and 0 elsewhere, `size * size` values at the size of the crop, the same in
/// each of its three channels.
pub fn face_region(portrait: &Portrait, settings: &Settings) -> Vec<f32> {
    let regions = Regions::of(portrait, settings);
    inside(regions.face, portrait.picture.width() as usize).map(|inside| f32::from(u8::from(inside))).collect()
}

#[cfg(test)]
#[path = "../../tests/face/masks.rs"]
mod tests;
