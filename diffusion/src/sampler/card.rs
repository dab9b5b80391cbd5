//! Denoising on a card, where latents stay from the first step to the last.

use candle_core::{Device, Result, Tensor};
use shared::{
    Error,
    effort::{Solver, Step},
    ports::model::Control,
};

use super::{Ask, Sampling, Start, failed};
use crate::{
    cuda::{Guided, guided_step, read},
    pack::manifest::Prediction,
    schedule::roots,
};

/// The network's output for what is to be drawn, and for the blind side if a step is guided.
pub(crate) type Outputs = (Tensor, Option<Tensor>);

impl Sampling {
    /// Whether latents may stay on a card: DDIM that starts from noise alone. For other solvers, and for frames that are held, they come back
    /// between two steps.
    pub(crate) fn stays_on_card(&self, start: &Start<'_>) -> bool {
        self.effort.solver == Solver::Ddim && matches!(start, Start::Noise(_))
    }

    /// As [`Self::run`] by DDIM from `noise`, for latents `[f, s, s, c]` of `shape`: guidance and step are one kernel.
    ///
    /// # Errors
    /// When stopped, or when `predict` fails.
    pub(crate) fn run_on_card(
        &self,
        noise: Vec<f32>,
        shape: [usize; 4],
        step: Ask<'_>,
        mut predict: impl FnMut(&Tensor, Step) -> Result<Outputs>,
    ) -> shared::Result<Vec<f32>> {
        let [frames, height, width, channels] = shape;
        let mut x = Tensor::from_vec(noise, (frames, height, width, channels), &Device::Cpu).map_err(failed)?;
        for (index, at) in self.course.iter().enumerate() {
            if step(index as u32) == Control::Stop {
                return Err(Error::stopped());
            }
            let next = self.course.get(index + 1).map_or(1.0, |next| self.shares[next.t]);
            let given = Guided {
                guidance: self.effort.guidance,
                is_sample: self.prediction == Prediction::Sample,
                roots: [roots(self.shares[at.t]), roots(next)],
            };
            let mut go = || {
                let (heard, blind) = predict(&x, *at)?;
                let x = guided_step(&x, &heard, blind.as_ref(), given)?;
                // Whoever watches or stops a clip is told of steps that are done, not of those that wait.
                x.device().synchronize()?;
                Ok(x)
            };
            x = go().map_err(failed)?;
        }
        read(&x).map_err(failed)
    }
}
