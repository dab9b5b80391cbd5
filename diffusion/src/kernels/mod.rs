//! The network's inner loops on the CPU, as custom operators of candle.
//!
//! Feature maps lie with their channels last, `[frames, height, width, channels]`, so that one pixel is one row of
//! numbers: convolutions, linear layers and attention are then all the same product of rows with packed columns
//! ([`tile`]), and nothing is ever transposed.
//!
//! Every number is computed by the same additions in the same order, however many threads there are and however
//! wide the vector registers; fused multiply-add is asked for by name. So a frame has the same bits everywhere.

mod attention;
mod gate;
mod math;
mod norm;
mod op;
mod packed;
mod product;
mod tile;

pub(crate) use attention::{Heads, attend, attend_self, attend_through_time};
pub(crate) use gate::{geglu, gelu, silu};
pub(crate) use norm::{GroupNorm, LayerNorm};
pub(crate) use packed::{Packed, lanes};
pub(crate) use product::{Geometry, Product};
