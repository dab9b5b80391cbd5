//! The network's operators on NVIDIA cards.
//!
//! Each operator is a [`Plan`](plan::Plan): tensors, and launches of the kernels in `kernels/*.cu`. Plans are made by code that is part of every build;
//! what carries them out on a card needs the feature `cuda`. The same kernels compile as C++: tests carry out the same plans on the CPU
//! (`tests/emulation`) and hold them against the operators in [`kernels`](crate::kernels), single ones and whole networks.
//!
//! Maps lie with their channels last, as on the CPU. They are stored in the numbers that an order asks for ([`Kind`]) and computed with in single
//! precision; scales, shifts and biases are single precision. Whatever layer first sees a tensor from the host takes it to the card, and nothing comes
//! back before a step has ended.

mod attention;
mod card;
pub(crate) mod check;
#[cfg(feature = "cuda")]
mod device;
#[cfg(test)]
mod emulation;
mod gate;
mod halving;
mod norm;
mod op;
mod plan;
mod product;
mod rows;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use attention::{Queries, attend};
pub(crate) use card::{Card, Kind, Lane, Placed, Resident, bring, failure, memory, name, read, takes};
#[cfg(test)]
pub(crate) use emulation::{played, within};
pub(crate) use gate::{Activation, activate, geglu};
pub(crate) use halving::{halving, or_apart};
pub(crate) use norm::{GroupNormSizes, group_norm, layer_norm};
pub(crate) use product::{Asked, place, product};
pub(crate) use rows::{add_to_each, join, soften, weigh};
pub(crate) use step::{Guided, guided_step};
