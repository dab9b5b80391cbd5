//! What is done row by row.

use candle_core::{Result, Tensor};

use super::{
    card::{Kind, bring},
    plan::{Argument, Module, Plan, wholes},
};

/// See [`crate::kernels::join`]; sizes are checked there.
pub(crate) fn join(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let ((n, height, width, a), (m, _, _, b)) = (x.dims4()?, y.dims4()?);
    let mut plan = Plan::new("join", Kind::of(x)?, (n, height, width, a + b));
    let mut arguments = vec![plan.input(x)?, plan.input(&bring(y, x)?)?, Argument::Output];
    arguments.extend(wholes(plan.name, &[n * height * width, m * height * width, a, b])?);
    plan.launch_over(Module::Rows, "join", n * height * width * (a + b), arguments)?;
    plan.run()
}

/// See [`crate::kernels::weigh_branches`]; sizes are checked there. The weights are single precision.
pub(crate) fn weigh(x: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let ((n, rows, width), (_, branches)) = (x.dims3()?, weights.dims2()?);
    let mut plan = Plan::new("weigh-branches", Kind::of(x)?, x.dims());
    let weights = weights.to_device(x.device())?.to_dtype(candle_core::DType::F32)?;
    let mut arguments = vec![plan.input(x)?, plan.input(&weights)?, Argument::Output];
    arguments.extend(wholes(plan.name, &[n * rows, rows, branches, width / branches])?);
    plan.launch_over(Module::Rows, "weigh", x.elem_count(), arguments)?;
    plan.run()
}

/// See [`crate::kernels::add_to_each`]; sizes are checked there.
pub(crate) fn add_to_each(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let mut plan = Plan::new("add-to-each", Kind::of(x)?, x.dims());
    let mut arguments = vec![plan.input(x)?, plan.input(&bring(y, x)?)?, Argument::Output];
    arguments.extend(wholes(plan.name, &[x.dim(0)?, y.elem_count()])?);
    plan.launch_over(Module::Rows, "add_to_each", x.elem_count(), arguments)?;
    plan.run()
}

/// See [`crate::kernels::soften_groups`]; sizes are checked there.
pub(crate) fn soften(x: &Tensor, size: usize) -> Result<Tensor> {
    let groups = x.elem_count() / size;
    let mut plan = Plan::new("soften", Kind::of(x)?, x.dims());
    let mut arguments = vec![plan.input(x)?, Argument::Output];
    arguments.extend(wholes(plan.name, &[groups, size])?);
    plan.launch_over(Module::Rows, "soften", groups, arguments)?;
    plan.run()
}
