//! Latents between the farm, which keeps channels before pixels, and the network, which keeps them last.

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use shared::{Error, Frames, Picture, Result};

use crate::{
    cuda::{halving, read},
    finish::Detail,
    net::vae::Vae,
    sampler::failed,
};

/// Latents that are decoded at once: enough to keep the cores busy, few enough to be small beside the weights.
const DECODE: usize = 4;

/// Lets latents pass that are numbers; the weights or the machine are at fault otherwise, and one more try tells which.
pub(crate) fn finite(latents: shared::Tensor, frames: Frames) -> Result<shared::Tensor> {
    match latents.first_bad_row() {
        None => Ok(latents),
        Some(row) => Err(Error::world(format!(
            "frame {} of clip {frames} came out as not a number",
            frames.start + row as u64
        ))
        .mend("if it happens again, the weights or the settings drive the network out of range: try less guidance")
        .at_most(2)),
    }
}

/// Latents `[n, c, h, w]` as maps `[n, h, w, c]`.
pub(crate) fn channels_last(latents: &shared::Tensor) -> candle_core::Result<Tensor> {
    Tensor::from_slice(latents.data(), latents.shape(), &Device::Cpu)?.permute((0, 2, 3, 1))?.contiguous()
}

/// Maps `[n, pixels, c]` as `[n, c, pixels]`.
pub(crate) fn channels_first(x: &[f32], pixels: usize, c: usize) -> Vec<f32> {
    let frame = |map: &'_ [f32]| -> Vec<f32> {
        (0..c).flat_map(|channel| map.iter().skip(channel).step_by(c).copied()).collect()
    };
    x.chunks_exact(pixels * c).flat_map(frame).collect()
}

/// Decodes latents `[n, c, h, w]` of frames from `first` on, whose rows must have `shape`, to pictures of `size` pixels, with the portrait's `detail` where there is one.
///
/// # Errors
/// When they have another shape, or are not finite.
pub(crate) fn decode(
    vae: &Vae,
    latents: &shared::Tensor,
    first: u64,
    shape: [usize; 3],
    size: usize,
    detail: Option<&Detail>,
) -> Result<Vec<Picture>> {
    let found = latents.shape();
    if found.len() != 4 || found[1..] != shape {
        return Err(Error::world(format!("latents of shape {found:?} from frame {first} are not of this model")));
    }
    let rows = latents.rows();
    let end = first + rows as u64;
    let latents = finite(latents.clone(), Frames::new(first, end))?;
    let batch = |from: usize, to: usize| colours(vae, &latents.slice(from, to).map_err(candle_core::Error::wrap)?);
    let say =
        |size: usize| tracing::warn!(frames = size, "the card's memory is short: fewer frames are decoded at once");
    let mut pictures = Vec::with_capacity(rows);
    for mut batch in halving(rows, DECODE, batch, say).map_err(failed)? {
        if let Some(detail) = detail {
            batch.par_chunks_exact_mut(size * size * 3).for_each(|frame| detail.add_to(frame));
        }
        for frame in batch.chunks_exact(size * size * 3) {
            let bytes = frame.iter().map(|x| ((x.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8).collect();
            pictures.push(Picture::new(size as u32, size as u32, bytes)?);
        }
    }
    Ok(pictures)
}

/// Decoded pictures as the decoder draws them, colours in -1..=1, three a pixel.
pub(crate) fn colours(vae: &Vae, latents: &shared::Tensor) -> candle_core::Result<Vec<f32>> {
    let mut pictures = read(&vae.decode(&channels_last(latents)?)?)?;
    for x in &mut pictures {
        *x = x.clamp(-1.0, 1.0);
    }
    Ok(pictures)
}

/// A portrait's pixels `[1, size, size, 3]` in -1..=1.
pub(crate) fn pixels(picture: &Picture) -> candle_core::Result<Tensor> {
    let pixels: Vec<f32> = picture.data().iter().map(|x| f32::from(*x) / 127.5 - 1.0).collect();
    Tensor::from_vec(pixels, (1, picture.height() as usize, picture.width() as usize, 3), &Device::Cpu)
}
