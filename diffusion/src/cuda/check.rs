//! Holds a card against the CPU, operator by operator, on shapes that are no multiple of anything. Tests do it under emulation,
//! `emofarm bench --device cuda:0 --only card` on the card itself.

use candle_core::{Device, Result, Tensor, bail};

use super::{
    Guided,
    card::{Card, Lane, bring, read},
    guided_step,
};
use crate::kernels::{
    Form, Geometry, GroupNorm, Heads, LayerNorm, Numbers, Packed, Product, add_to_each, attend, attend_joined,
    attend_self, attend_through_time, geglu, gelu, join, relu, silu, soften_groups, weigh_branches,
};
use crate::{
    pack::manifest::Prediction,
    schedule::{ddim_step, roots, to_velocity},
};

pub(crate) use super::card::Kind;

/// One operator held against the CPU's.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What it does.
    pub(crate) name: &'static str,
    /// Norm of the difference over the norm of what the CPU computes.
    pub(crate) error: f64,
    /// Whether that is as close as the numbers allow.
    pub(crate) passes: bool,
}

/// Largest relative error that numbers of a kind allow: a few roundings of operands and result.
fn limit(kind: Kind) -> f64 {
    match kind {
        Kind::F32 => 2e-5,
        Kind::F16 => 2e-3,
        Kind::Bf16 => 1.5e-2,
    }
}

/// Where an operator is carried out.
pub(super) struct Side {
    form: Form,
}

impl Side {
    /// Numbers between -1 and 1 without a pattern.
    fn noise(&self, seed: u32, shape: &[usize]) -> Result<Tensor> {
        let x = Tensor::from_vec(noise(seed, shape.iter().product()), shape, &Device::Cpu)?;
        match self.form {
            Form::Card(card) => bring(&x, &Tensor::zeros(1, card.kind.dtype(), &card.device()?)?),
            _ => Ok(x),
        }
    }

    /// A layer with random weights and a bias.
    fn product(&self, inner: usize, outer: usize, geometry: Geometry) -> Product {
        let taps = geometry.taps();
        let scale = 1.0 / ((inner * taps) as f32).sqrt();
        let weights = noise(101, outer * inner * taps).into_iter().map(|x| x * scale).collect();
        let packed = Packed::new(self.form, &Numbers::Single(weights), outer, inner, taps);
        Product::new(packed, Some(noise(102, outer)), geometry)
    }

    fn heads(&self, count: usize, size: usize) -> Heads {
        Heads { count, channels: count * size, form: self.form }
    }
}

fn noise(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let number = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(number).collect()
}

type Case = (&'static str, fn(&Side) -> Result<Tensor>);

/// The operators of the network, each at least once in each of its forms.
pub(super) const CASES: &[Case] = &[
    ("SiLU", |at| silu(&at.noise(1, &[3, 37])?)),
    ("GELU", |at| gelu(&at.noise(1, &[3, 37])?)),
    ("ReLU", |at| relu(&at.noise(1, &[3, 37])?)),
    ("GEGLU", |at| geglu(&at.noise(1, &[3, 5, 26])?)),
    ("join", |at| join(&at.noise(1, &[4, 2, 3, 7])?, &at.noise(2, &[2, 2, 3, 5])?)),
    ("weighed branches", |at| {
        // Weights stay single precision on cards.
        weigh_branches(&at.noise(1, &[2, 5, 21])?, &Tensor::from_vec(noise(2, 15), (5, 3), &Device::Cpu)?)
    }),
    ("addition to each", |at| add_to_each(&at.noise(1, &[3, 4, 5])?, &at.noise(2, &[4, 5])?)),
    ("softened groups", |at| soften_groups(&at.noise(1, &[2, 5, 12])?, 4)),
    ("group norm", |at| GroupNorm::new(4, 1e-5, noise(3, 12), noise(4, 12)).forward(&at.noise(1, &[2, 5, 3, 12])?)),
    ("group norm and SiLU of many channels", |at| {
        GroupNorm::new(32, 1e-6, noise(3, 640), noise(4, 640)).forward_silu(&at.noise(1, &[1, 9, 5, 640])?)
    }),
    ("group norm by pixel", |at| {
        GroupNorm::new(8, 1e-6, noise(3, 96), noise(4, 96)).forward_by_pixel(&at.noise(1, &[6, 7, 5, 96])?, 3)
    }),
    ("layer norm with codes", |at| {
        LayerNorm::new(noise(3, 40), noise(4, 40)).with_codes(&noise(5, 120)).forward(&at.noise(1, &[7, 3, 40])?)
    }),
    ("linear layer onto a residual", |at| {
        at.product(40, 136, Geometry::POINT).rows_onto(&at.noise(1, &[2, 67, 40])?, Some(&at.noise(2, &[2, 67, 136])?))
    }),
    ("linear layer of many inputs onto a residual", |at| {
        at.product(648, 21, Geometry::POINT).rows_onto(&at.noise(1, &[2, 9, 648])?, Some(&at.noise(2, &[2, 9, 21])?))
    }),
    ("columns of a linear layer", |at| at.product(24, 72, Geometry::POINT).rows_of(&at.noise(1, &[9, 24])?, 24..72)),
    ("linear layer to the order of frames", |at| {
        at.product(32, 20, Geometry::POINT)
            .pixels_to_frames(&at.noise(1, &[2, 15, 3, 32])?, &at.noise(2, &[6, 3, 5, 20])?)
    }),
    ("convolution", |at| at.product(40, 72, Geometry::SAME).maps(&at.noise(1, &[2, 7, 11, 40])?)),
    ("convolution with a shift", |at| {
        at.product(16, 68, Geometry::SAME).maps_shifted(&at.noise(1, &[2, 5, 4, 16])?, &at.noise(2, &[1, 68])?)
    }),
    ("convolution of few channels to few", |at| at.product(3, 5, Geometry::SAME).maps(&at.noise(1, &[1, 6, 7, 3])?)),
    ("convolution to half the size", |at| at.product(8, 9, Geometry::HALVE).maps(&at.noise(1, &[1, 8, 10, 8])?)),
    ("convolution to half the size from the corner", |at| {
        at.product(8, 9, Geometry::HALVE_CORNER).maps(&at.noise(1, &[1, 8, 10, 8])?)
    }),
    ("convolution at twice the size", |at| at.product(8, 130, Geometry::DOUBLE).maps(&at.noise(1, &[1, 5, 4, 8])?)),
    ("convolution along a line", |at| at.product(12, 16, Geometry::line(5, 2)).maps(&at.noise(1, &[1, 1, 23, 12])?)),
    ("self-attention", |at| attend_self(at.heads(2, 40), &at.noise(1, &[2, 70, 240])?)),
    ("self-attention of narrow heads", |at| attend_self(at.heads(3, 12), &at.noise(1, &[1, 65, 108])?)),
    ("self-attention of wide heads", |at| attend_self(at.heads(1, 160), &at.noise(1, &[1, 66, 480])?)),
    ("self-attention of the widest head", |at| attend_self(at.heads(1, 200), &at.noise(1, &[1, 20, 600])?)),
    ("attention to a context, blind entries", |at| {
        attend(at.heads(2, 20), &at.noise(1, &[4, 6, 40])?, &at.noise(2, &[2, 9, 80])?, 2)
    }),
    ("attention to itself and a bank", |at| {
        let x = at.noise(1, &[4, 53, 144])?;
        attend_joined(at.heads(2, 24), &x, &x, &at.noise(2, &[2, 50, 96])?)
    }),
    ("attention through time", |at| {
        attend_through_time(at.heads(2, 10), &at.noise(1, &[2, 6, 5, 60])?, &at.noise(2, &[6, 2, 40])?)
    }),
    ("guided step", |at| step(at, false)),
    ("guided step of clean latents", |at| step(at, true)),
];

/// Guidance and a step of DDIM, on a card by its kernel, else by what the sampler does.
fn step(at: &Side, is_sample: bool) -> Result<Tensor> {
    let (x, shares, guidance) = (noise(1, 33), [0.25, 0.5], 2.5);
    let [heard, blind] = [at.noise(2, &[3, 11])?, at.noise(3, &[3, 11])?];
    if matches!(at.form, Form::Card(_)) {
        let given = Guided { guidance, is_sample, roots: shares.map(roots) };
        return guided_step(&Tensor::from_vec(x, (3, 11), &Device::Cpu)?, &heard, Some(&blind), given);
    }
    let (mut x, mut v) = (x, read(&heard)?);
    v.iter_mut().zip(read(&blind)?).for_each(|(v, blind)| *v = blind + guidance * (*v - blind));
    to_velocity(&mut v, &x, shares[0], if is_sample { Prediction::Sample } else { Prediction::VPrediction });
    ddim_step(&mut x, &v, shares[0], shares[1]);
    Tensor::from_vec(x, (3, 11), &Device::Cpu)
}

/// Runs the cases on a card; an operator that fails has an error that is not a number, and says why on the way.
pub(crate) fn check(ordinal: Option<usize>, kind: Kind) -> Vec<Row> {
    let card = Side { form: Form::Card(Card { ordinal, lane: Lane::Draw, kind }) };
    let row = |(name, case): &Case| {
        let cpu = elsewhere(|| case(&Side { form: Form::Exact }));
        let error = case(&card).and_then(|found| relative(&found, &cpu?)).unwrap_or_else(|error| {
            tracing::error!(%error, "{name} fails on the card");
            f64::NAN
        });
        Row { name, error, passes: error <= limit(kind) }
    };
    CASES.iter().map(row).collect()
}

/// Runs `f` on the CPU, whatever plays a card.
fn elsewhere<T>(f: impl FnOnce() -> T) -> T {
    #[cfg(test)]
    return super::emulation::without(f);
    #[cfg(not(test))]
    f()
}

/// Norm of the difference over the norm of `wanted`.
fn relative(found: &Tensor, wanted: &Tensor) -> Result<f64> {
    if found.dims() != wanted.dims() {
        bail!("{:?} instead of {:?}", found.dims(), wanted.dims());
    }
    let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    let (found, wanted) = (read(found)?, read(wanted)?);
    let distance = norm(&mut found.iter().zip(&wanted).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    Ok(distance / norm(&mut wanted.iter().map(|x| f64::from(*x))))
}
