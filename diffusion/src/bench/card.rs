//! What an NVIDIA card does: every operator held against the CPU, what the card can do at all, and a step at full width.

use std::time::Instant;

use candle_core::{DType, Device as Place, Tensor};
use serde::Serialize;
use shared::{Error, Result, job::Compute};

use super::counted;
use crate::{
    cuda::{
        Card, Lane,
        check::{Kind, check},
    },
    device::Device,
    sampler::failed,
    trial::{Piece, Trial},
};

/// Edge of the matrices that the card's peak is measured with.
const EDGE: usize = 8192;

/// An operator held against the CPU's.
#[derive(Clone, Debug, Serialize)]
pub struct CardCheck {
    /// The numbers on the card: `f32`, `f16` or `bf16`.
    pub kind: &'static str,
    /// The operator.
    pub name: &'static str,
    /// Norm of the difference over the norm of what the CPU computes; not a number where the operator fails.
    pub error: f64,
    /// Whether it is as close as the numbers allow.
    pub passes: bool,
}

/// What a card does.
#[derive(Clone, Debug, Serialize)]
pub struct CardReport {
    /// Every operator in every kind of numbers.
    pub checks: Vec<CardCheck>,
    /// Floating-point operations a second of a product of large `bfloat16` matrices by cuBLAS.
    pub peak: f64,
    /// A step of the denoiser in the width of Stable Diffusion 1.5 with random weights: 512 x 512, 16 frames, guided, `bfloat16`.
    pub step: StepReport,
}

/// How long a step takes.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Seconds, the median of some runs.
    pub seconds: f64,
    /// Floating-point operations.
    pub flops: u64,
    /// Share of [`CardReport::peak`] that it reaches.
    pub share: f64,
    /// Memory of the card in use after it, in MiB, with everything else that is there.
    pub memory: Option<u64>,
}

/// Checks and measures a card; `runs` runs of everything that is timed.
///
/// # Errors
/// When the device is no card, or its memory is short even for one side of guidance; the log says when it was for both at once.
pub fn card(device: Device, runs: usize) -> Result<CardReport> {
    let Device::Cuda(ordinal) = device else {
        return Err(
            Error::order("the processor is not checked against itself").mend("name a card, such as --device cuda:0")
        );
    };
    let kinds = [Kind::F32, Kind::F16, Kind::Bf16];
    let checks = kinds.into_iter().flat_map(|kind| {
        check(Some(ordinal), kind).into_iter().map(move |row| CardCheck {
            kind: kind.name(),
            name: row.name,
            error: row.error,
            passes: row.passes,
        })
    });
    let checks = checks.collect();
    let place = Card { ordinal: Some(ordinal), lane: Lane::Draw, kind: Kind::Bf16 }.device().map_err(failed)?;
    let peak = peak(&place, runs).map_err(failed)?;
    let trial = Trial::on(device, Piece::Step, Compute::Bf16, 512)?;
    let (counts, flops) = counted(|| trial.run());
    counts?;
    let seconds = median(runs, || trial.run().map(drop))?;
    let memory = device.memory().map(|[free, total]| total - free);
    let step = StepReport { seconds, flops, share: flops as f64 / seconds / peak, memory };
    Ok(CardReport { checks, peak, step })
}

fn peak(place: &Place, runs: usize) -> candle_core::Result<f64> {
    let matrix = || Tensor::randn(0f32, 1.0, (EDGE, EDGE), place)?.to_dtype(DType::BF16);
    let (a, b) = (matrix()?, matrix()?);
    let seconds = median(runs, || {
        let multiply = || {
            a.matmul(&b)?;
            place.synchronize()
        };
        multiply().map_err(failed)
    });
    seconds.map(|seconds| 2.0 * (EDGE as f64).powi(3) / seconds).map_err(candle_core::Error::wrap)
}

/// The median time of some runs, after one that is not timed.
fn median(runs: usize, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    run()?;
    let mut seconds = Vec::with_capacity(runs.max(1));
    for _ in 0..runs.max(1) {
        let began = Instant::now();
        run()?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_no_card_and_a_card_that_is_not_there_says_so() {
        assert!(card(Device::Cpu, 1).unwrap_err().mending().is_some());
        assert!(median(3, || Ok(())).unwrap() >= 0.0);
    }
}
