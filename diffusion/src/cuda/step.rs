//! The end of a denoising step.

use candle_core::{Result, Tensor};

use super::{
    card::{Kind, bring},
    plan::{Argument, Module, Plan, whole},
};

/// The numbers of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guided {
    /// Guidance scale.
    pub(crate) guidance: f32,
    /// Whether the network predicts clean latents, not velocities.
    pub(crate) is_sample: bool,
    /// Factors of signal and noise at this step, and at the next.
    pub(crate) roots: [(f32, f32); 2],
}

/// Latents `x` of single precision after a step of DDIM: `heard` is the network's output, `blind` that of the other side of guidance, if there is one.
pub(crate) fn guided_step(x: &Tensor, heard: &Tensor, blind: Option<&Tensor>, given: Guided) -> Result<Tensor> {
    let Guided { guidance, is_sample, roots: [(signal, noise), (next_signal, next_noise)] } = given;
    let kind = Kind::of(heard)?;
    let x = bring(x, &heard.narrow(0, 0, 0)?.to_dtype(Kind::F32.dtype())?)?;
    let mut plan = Plan::new("guided-step", kind, x.dims());
    let mut arguments = vec![
        plan.input(&x)?,
        plan.input(heard)?,
        plan.optional(blind)?,
        Argument::Output,
        whole("guided-step", x.elem_count())?,
    ];
    arguments.extend([Argument::Real(guidance), Argument::Whole(i32::from(is_sample))]);
    arguments.extend([signal, noise, next_signal, next_noise].map(Argument::Real));
    plan.launch_over(Module::Step, "guided_step", x.elem_count(), arguments)?;
    // The kernel goes by the network's numbers, latents stay single precision.
    plan.kind = Kind::F32;
    plan.run()
}
