//! The network's inner loops on the CPU, as custom operators of candle.
//!
//! Feature maps lie with their channels last, `[frames, height, width, channels]`, so that one pixel is one row of
//! numbers: convolutions, linear layers and attention are then all the same product of rows with packed columns
//! ([`tile`]), and nothing is ever transposed.
//!
//! Products come in several forms ([`Form`]): in single precision by fused multiply-add ([`direct`]), where convolutions of 3 x 3 pixels may
//! take fewer multiplications ([`winograd`]), or with factors as sums of one or two `bfloat16` numbers ([`lines`]) that tile registers
//! multiply ([`engine`]). Weights are packed for one form when they are loaded.
//!
//! What is on a card goes there: each operator asks first ([`crate::cuda`]).
//!
//! In every form each number is computed by the same additions in the same order, however many threads there are. In the exact form
//! that holds for vector registers of every width too; fused multiply-add is asked for by name. Tests hold this for the number of
//! threads; for other registers it is meant by construction, and has been run with 512 bits only.

// A loop gets the wide instructions only where it is inlined into the function that was compiled for them; left to
// itself the compiler may decide otherwise, and the loop falls back to the oldest registers.
#![allow(clippy::inline_always)]

mod ahead;
#[cfg(target_arch = "x86_64")]
mod amx;
mod attention;
mod direct;
#[cfg(target_arch = "x86_64")]
mod dot;
mod engine;
mod few;
mod filter;
mod flash;
mod form;
mod fresh;
mod gate;
mod join;
mod lines;
mod math;
pub(crate) mod meter;
mod norm;
mod op;
mod packed;
mod product;
mod region;
#[cfg(test)]
mod tests;
mod tile;
mod tiled;
mod tiles;
mod wide;
mod winograd;

pub(crate) use attention::{Heads, attend, attend_joined, attend_self, attend_through_time, soften_groups};
pub(crate) use form::Form;
pub(crate) use gate::{geglu, gelu, relu, silu};
pub(crate) use join::join;
pub(crate) use norm::{GroupNorm, LayerNorm};
pub(crate) use packed::{Numbers, Packed, lanes};
pub(crate) use product::{Geometry, Product};
pub(crate) use region::{add_to_each, weigh_branches};
