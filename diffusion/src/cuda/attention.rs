//! Attention to one or two sequences.

use candle_core::{Result, Tensor, bail};

use super::{
    card::{Kind, bring},
    plan::{Argument, Module, Plan, whole, wholes},
};
use crate::kernels::Heads;

/// Widths of heads that tensor cores have a kernel for; others are filled up with zeros.
const WIDTHS: [usize; 6] = [32, 48, 64, 80, 128, 160];
/// Widest heads that the kernels for single rows take.
const ROW_WIDTHS: [usize; 2] = [160, 512];
/// Queries that a block of the kernels for tensor cores takes.
const TILE: usize = 64;
/// With fewer keys or queries than this, tiles would be mostly empty.
const WORTH_TILES: usize = 48;

/// Queries, and which entries of the sources theirs see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queries<'a> {
    /// `[n, rows, ..]`; the first columns are queries.
    pub(crate) rows: &'a Tensor,
    /// Whether entry i of n sees entry `i * m / n` of a source of m entries, not entry `i mod m`.
    pub(crate) shared: bool,
}

/// Attention of `[n, rows, ..]` to the rows of `first`, then to those of `second`: the last `2 channels` columns of both are keys and values. The
/// result is `[n + blind, rows, channels]`; the last `blind` entries are zeros.
pub(crate) fn attend(
    heads: Heads,
    queries: Queries<'_>,
    first: &Tensor,
    second: Option<&Tensor>,
    blind: usize,
) -> Result<Tensor> {
    let x = queries.rows;
    let (n, rows, width) = x.dims3()?;
    let (channels, size) = (heads.channels, heads.channels / heads.count);
    let first = bring(first, x)?;
    let second = second.map(|second| bring(second, x)).transpose()?;
    let mut plan = Plan::new("attend", Kind::of(x)?, (n, rows, channels));
    let mut arguments = vec![plan.input(x)?, whole(plan.name, width)?];
    let mut seen = 0;
    for source in [Some(&first), second.as_ref()] {
        match source {
            Some(source) => {
                let (entries, keys, width) = source.dims3()?;
                seen += keys;
                arguments.push(plan.input(source)?);
                arguments.extend(wholes(plan.name, &[width, width - 2 * channels, entries, keys])?);
            }
            // One entry without keys.
            None => arguments.extend([Argument::Null].into_iter().chain([2 * 8, 0, 1, 0].map(Argument::Whole))),
        }
    }
    if seen == 0 {
        bail!("attention to nothing");
    }
    arguments.push(Argument::Output);
    arguments.extend(wholes(plan.name, &[n, rows, heads.count, size, usize::from(queries.shared)])?);
    arguments.push(Argument::Real(1.0 / (size as f32).sqrt()));
    let tiled = WIDTHS
        .into_iter()
        .find(|width| *width >= size)
        .filter(|_| plan.kind != Kind::F32 && rows.min(seen) >= WORTH_TILES);
    if let Some(width) = tiled {
        let blocks = rows.div_ceil(TILE) * heads.count * n;
        plan.launch(Module::Attention, &format!("attend_{width}"), [blocks, 1], 128, arguments)?;
    } else {
        let kernel = match ROW_WIDTHS.iter().position(|width| *width >= size) {
            Some(0) => "attend_rows",
            Some(_) => "attend_wide_rows",
            None => bail!("heads of {size} channels have no form on cards; {} is the most", ROW_WIDTHS[1]),
        };
        plan.launch(Module::Attention, kernel, [(n * rows * heads.count).div_ceil(4), 1], 128, arguments)?;
    }
    let out = plan.run()?;
    if blind == 0 {
        return Ok(out);
    }
    Tensor::cat(&[&out, &Tensor::zeros((blind, rows, channels), out.dtype(), out.device())?], 0)
}
