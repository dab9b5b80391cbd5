//! Convolutions and linear layers.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::{
    card::{Card, Kind, Placed, Resident, bring, by_taps},
    plan::{Argument, Module, Plan, wholes},
};
use crate::kernels::{Geometry, Numbers};

/// Rows and columns of a tile of the kernel for tensor cores, and columns of that for slim matrices.
const TILE: usize = 128;
const SLIM: usize = 64;
/// From so many inputs on, a library's product and a second pass for bias and residual are worth more than one pass of our own.
const WORTH_LIBRARY: usize = 640;

/// Weights in `PyTorch`'s order `[outer, inner, taps]`, placed by `from`, as `[outer, taps * inner]` on a card.
pub(crate) fn place(
    card: Card,
    weights: &Numbers,
    [outer, inner, taps]: [usize; 3],
    from: impl Fn(usize, usize, usize) -> usize,
) -> Placed {
    Placed::new(card.weights(&by_taps(weights, [outer, inner, taps], from), [outer, taps * inner]))
}

/// What is asked of a product.
pub(crate) struct Asked<'a> {
    /// Which input pixels each output pixel sees.
    pub(crate) geometry: Geometry,
    /// Height and width of input and output maps.
    pub(crate) input: [usize; 2],
    /// See `input`.
    pub(crate) output: [usize; 2],
    /// Whether output pixels come column by column.
    pub(crate) by_column: bool,
    /// The output columns that are wanted.
    pub(crate) columns: Range<usize>,
    /// A bias of single precision for each of them, and where it stays on the card if it is the layer's own.
    pub(crate) bias: Option<(&'a [f32], Option<&'a Resident>)>,
    /// Another one, as a tensor.
    pub(crate) shift: Option<&'a Tensor>,
    /// What the product is added to.
    pub(crate) residual: Option<&'a Tensor>,
}

/// The product of maps `x` of `inner` channels with `weights` `[outer, taps * inner]`; of `shape`.
///
/// # Errors
/// When memory is short, or there are more pixels than a kernel counts to.
pub(crate) fn product(
    weights: &Tensor,
    inner: usize,
    x: &Tensor,
    asked: &Asked<'_>,
    shape: Vec<usize>,
) -> Result<Tensor> {
    let x = &bring(x, weights)?;
    let outer = asked.columns.len();
    let rows = shape.iter().product::<usize>() / outer.max(1);
    let weights = weights.narrow(0, asked.columns.start, outer)?;
    let kind = Kind::of(x)?;
    let bias = match asked.bias {
        Some((bias, Some(resident))) => Some(resident.get(bias, x)?.narrow(0, asked.columns.start, outer)?),
        Some((bias, None)) => Some(Tensor::from_slice(bias, outer, x.device())?),
        None => None,
    };
    let [shift, residual] =
        [asked.shift, asked.residual].map(|tensor| tensor.map(|tensor| bring(tensor, x)).transpose());
    let added = [bias, shift?, residual?];
    if by_library(x, kind, inner, asked, &added) {
        let sums = x.reshape((rows, inner))?.contiguous()?.matmul(&weights.t()?)?;
        return finish(&sums, &added, shape);
    }
    let mut plan = Plan::new("product", kind, shape);
    let mut arguments = vec![plan.input(x)?, plan.input(&weights)?];
    for tensor in &added {
        arguments.push(plan.optional(tensor.as_ref())?);
    }
    arguments.push(Argument::Output);
    let Geometry { kernel, stride, dilation, pad_y, pad_x, repeat } = asked.geometry;
    let sizes = [rows, outer, inner, kernel[0], kernel[1], stride, dilation, pad_y[0], pad_x[0], repeat];
    arguments.extend(wholes(plan.name, &sizes)?);
    arguments.extend(wholes(plan.name, &[asked.input, asked.output].concat())?);
    arguments.push(Argument::Whole(i32::from(asked.by_column)));
    let (kernel, tile) = match plan.kind {
        Kind::F32 => ("product", [SLIM, SLIM]),
        _ if outer <= SLIM => ("product_slim", [TILE, SLIM]),
        _ => ("product", [TILE, TILE]),
    };
    plan.launch(Module::Product, kernel, [rows.div_ceil(tile[0]) * outer.div_ceil(tile[1]), 1], 256, arguments)?;
    plan.run()
}

/// Whether cuBLAS is asked, which adds nothing to its products.
fn by_library(x: &Tensor, kind: Kind, inner: usize, asked: &Asked<'_>, added: &[Option<Tensor>; 3]) -> bool {
    let plain = asked.geometry == Geometry::POINT && !asked.by_column;
    let worth = inner >= WORTH_LIBRARY || added.iter().all(Option::is_none);
    // The CPU, which plays cards in tests, has no products of bfloat16.
    plain && worth && (x.device().is_cuda() || kind != Kind::Bf16)
}

/// Adds bias, shift and residual to rows `[rows, outer]`; of `shape` then.
fn finish(sums: &Tensor, added: &[Option<Tensor>; 3], shape: Vec<usize>) -> Result<Tensor> {
    if added.iter().all(Option::is_none) {
        return sums.reshape(shape);
    }
    let (rows, outer) = sums.dims2()?;
    let mut plan = Plan::new("finish", Kind::of(sums)?, shape);
    let mut arguments = vec![plan.input(sums)?];
    for tensor in added {
        arguments.push(plan.optional(tensor.as_ref())?);
    }
    arguments.push(Argument::Output);
    arguments.extend(wholes(plan.name, &[rows, outer])?);
    plan.launch_over(Module::Product, "finish", rows * outer, arguments)?;
    plan.run()
}
