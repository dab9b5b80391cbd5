//! Activations.

use candle_core::{Result, Tensor, bail};

use super::{
    card::Kind,
    plan::{Argument, Module, Plan, wholes},
};

/// What a number becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x times the logistic function of x.
    Silu,
    /// The exact GELU.
    Gelu,
    /// The larger of x and 0.
    Relu,
}

/// See [`crate::kernels::geglu`].
pub(crate) fn geglu(x: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let Some(last) = shape.last_mut().filter(|last| **last % 2 == 0) else { bail!("GEGLU needs even rows") };
    *last /= 2;
    let n = *last;
    let mut plan = Plan::new("geglu", Kind::of(x)?, shape);
    let mut arguments = vec![plan.input(x)?, Argument::Output];
    arguments.extend(wholes(plan.name, &[x.elem_count() / (2 * n).max(1), n])?);
    plan.launch_over(Module::Gate, "geglu", x.elem_count() / 2, arguments)?;
    plan.run()
}

/// Each number of `x` through an activation.
pub(crate) fn activate(x: &Tensor, which: Activation) -> Result<Tensor> {
    let mut plan = Plan::new("activate", Kind::of(x)?, x.dims());
    let row = x.dims().last().copied().unwrap_or(1).max(1);
    let mut arguments = vec![plan.input(x)?, Argument::Output];
    arguments.extend(wholes(plan.name, &[x.elem_count() / row, row, which as usize])?);
    plan.launch_over(Module::Gate, "activate", x.elem_count(), arguments)?;
    plan.run()
}
