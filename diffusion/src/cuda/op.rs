//! Plans as custom operators of candle: whichever device holds the tensors carries them out.

use candle_core::{CpuStorage, CudaStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::plan::Plan;

/// Carries out a plan, whose first tensor is `first`.
pub(super) fn run(first: &Tensor, plan: Plan) -> Result<Tensor> {
    first.apply_op1_no_bwd(&Op(plan))
}

struct Op(Plan);

impl CustomOp1 for Op {
    fn name(&self) -> &'static str {
        self.0.name
    }

    #[cfg(test)]
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((super::emulation::run(&self.0)?, self.0.shape.clone()))
    }

    #[cfg(not(test))]
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("{}: a plan for a card came to the CPU", self.0.name)
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, first: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        Ok((super::device::run(&self.0, first, layout)?, self.0.shape.clone()))
    }

    #[cfg(not(feature = "cuda"))]
    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        bail!("{}: this build does not know CUDA", self.0.name)
    }
}
