//! Group and layer normalisation.

use candle_core::{Result, Tensor, bail};

use super::{
    card::Kind,
    plan::{Argument, Module, Plan, wholes},
};

/// Channels that fit into the kernel's shared memory.
const MOST_CHANNELS: usize = 4096;
/// Threads of a block at most, and side by side at least where a number of channels allows it.
const THREADS: usize = 512;
const LEAST_LANES: usize = 64;
/// Chunks into which a map is cut at most, and pixels of one at least.
const MOST_CHUNKS: usize = 64;
const LEAST_CHUNK: usize = 16;

/// The sizes of a group norm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupNormSizes {
    /// Maps.
    pub(crate) n: usize,
    /// Pixels of each.
    pub(crate) pixels: usize,
    /// Groups of channels.
    pub(crate) groups: usize,
    /// Rows come out pixel after pixel for films of this many frames; 1 leaves them as they are.
    pub(crate) frames: usize,
}

/// Maps `x` of `channels` channels, normalised with `scale` and `shift` for each, both of single precision; of `shape` then.
pub(crate) fn group_norm(
    x: &Tensor,
    sizes: GroupNormSizes,
    [scale, shift]: [&Tensor; 2],
    (eps, silu): (f32, bool),
    shape: Vec<usize>,
) -> Result<Tensor> {
    let GroupNormSizes { n, pixels, groups, frames } = sizes;
    let channels = scale.elem_count();
    if channels > MOST_CHANNELS || groups == 0 || channels % groups != 0 {
        bail!("a group norm over {channels} channels in {groups} groups has no form on cards");
    }
    let lanes = lanes(channels);
    let threads = lanes * rows(channels, lanes);
    let chunk = pixels.div_ceil(MOST_CHUNKS).max(LEAST_CHUNK);
    let chunks = pixels.div_ceil(chunk);
    let mut plan = Plan::new("group-norm", Kind::of(x)?, shape);
    plan.scratch = n * chunks * groups * 2;
    let x = plan.input(x)?;
    let mut arguments = vec![x, Argument::Scratch];
    arguments.extend(wholes(plan.name, &[pixels, channels, groups, chunk, lanes])?);
    plan.launch(Module::Norm, "group_norm_sums", [chunks, n], threads, arguments)?;
    let mut arguments = vec![x, Argument::Scratch, plan.input(scale)?, plan.input(shift)?, Argument::Output];
    arguments.extend(wholes(plan.name, &[pixels, channels, groups, chunks, chunk, lanes, frames])?);
    arguments.extend([Argument::Real(eps), Argument::Whole(i32::from(silu))]);
    plan.launch(Module::Norm, "group_norm", [chunks, n], threads, arguments)?;
    plan.run()
}

/// How many rows of threads lie below each other: their sums fit into the kernel's shared memory.
fn rows(channels: usize, lanes: usize) -> usize {
    (THREADS / lanes).min(MOST_CHANNELS / channels).max(1)
}

/// How many threads lie side by side: a divisor of the channels, so that none is idle, unless all of them are small.
fn lanes(channels: usize) -> usize {
    let divisors = (1..=channels).filter(|turns| channels.is_multiple_of(*turns)).map(|turns| channels / turns);
    let divisor = divisors.into_iter().find(|lanes| *lanes <= THREADS).unwrap_or(1);
    if divisor >= LEAST_LANES || divisor == channels { divisor } else { 256.min(channels) }
}

/// Rows `x` of single-precision `scale` `[channels]` and `shift` `[cycle, channels]`, which come again in turn.
pub(crate) fn layer_norm(x: &Tensor, scale: &Tensor, shift: &Tensor, eps: f32) -> Result<Tensor> {
    const WARPS: usize = 4;
    let channels = scale.elem_count();
    let (rows, cycle) = (x.elem_count() / channels, shift.elem_count() / channels);
    let mut plan = Plan::new("layer-norm", Kind::of(x)?, x.dims());
    let mut arguments = vec![plan.input(x)?, plan.input(scale)?, plan.input(shift)?, Argument::Output];
    arguments.extend(wholes(plan.name, &[rows, channels, cycle])?);
    arguments.push(Argument::Real(eps));
    plan.launch(Module::Norm, "layer_norm", [rows.div_ceil(WARPS), 1], WARPS * 32, arguments)?;
    plan.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_lie_over_channels_without_rest() {
        let widths = [4, 32, 128, 320, 512, 640, 960, 1280, 1920, 2560];
        let wanted = [4, 32, 128, 320, 512, 320, 480, 320, 480, 512];
        assert_eq!(widths.map(lanes), wanted);
        // A large prime: most threads work in all turns but the last.
        assert_eq!(lanes(1009), 256);
        assert!((1..=MOST_CHANNELS).all(|channels| rows(channels, lanes(channels)) * channels <= MOST_CHANNELS));
    }
}
