//! Where tensors are on their way between host and cards, and in which numbers they are stored.

use std::{cell::RefCell, sync::OnceLock};

use candle_core::{DType, Device, Result, Tensor, bail};
use half::{bf16, f16};

use crate::kernels::Numbers;

/// In which numbers tensors are stored on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Single precision: for comparisons. Tensor cores are not used.
    F32,
    /// IEEE half precision.
    F16,
    /// `bfloat16`.
    Bf16,
}

impl Kind {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// The same in candle's words.
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }

    /// The numbers of a tensor.
    pub(super) fn of(x: &Tensor) -> Result<Self> {
        match x.dtype() {
            DType::F32 => Ok(Self::F32),
            DType::F16 => Ok(Self::F16),
            DType::BF16 => Ok(Self::Bf16),
            other => bail!("there are no kernels for {other:?}"),
        }
    }

    /// As kernels are called, and people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

/// Which of a card's streams of work a part of the network has. Streams run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Denoising, and everything that it needs.
    Draw,
    /// The picture autoencoder: pictures of one segment are decoded while the next one is drawn.
    Decode,
}

/// A stream of a card, and the numbers of a network there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Card {
    /// The card's number; nothing for one that is played by the CPU, in tests.
    pub(crate) ordinal: Option<usize>,
    /// Its stream.
    pub(crate) lane: Lane,
    /// The numbers.
    pub(crate) kind: Kind,
}

impl Card {
    /// The card as candle sees it.
    ///
    /// # Errors
    /// When there is no such card, or this build does not know cards.
    pub(crate) fn device(self) -> Result<Device> {
        match self.ordinal {
            None => Ok(Device::Cpu),
            #[cfg(feature = "cuda")]
            Some(ordinal) => super::device::open(ordinal, self.lane),
            #[cfg(not(feature = "cuda"))]
            Some(ordinal) => bail!("this build does not know CUDA and cannot compute on cuda:{ordinal}"),
        }
    }

    /// A tensor of single precision, `[numbers]`, in this card's numbers and of another shape there.
    pub(super) fn weights(self, numbers: &[f32], shape: [usize; 2]) -> Result<Tensor> {
        let device = &self.device()?;
        // Rounded here, so that half as much goes to the card.
        match self.kind {
            Kind::F32 => Tensor::from_slice(numbers, &shape, device),
            Kind::F16 => Tensor::from_vec(numbers.iter().map(|x| f16::from_f32(*x)).collect(), &shape, device),
            Kind::Bf16 => Tensor::from_vec(numbers.iter().map(|x| bf16::from_f32(*x)).collect(), &shape, device),
        }
    }
}

/// What cards there are: the name of one, or why there is none.
pub(crate) fn name(ordinal: usize) -> std::result::Result<String, String> {
    #[cfg(feature = "cuda")]
    return super::device::name(ordinal);
    #[cfg(not(feature = "cuda"))]
    Err(format!("this build does not know CUDA and cannot compute on cuda:{ordinal}"))
}

/// Free and total memory of a card in MiB.
pub(crate) fn memory(ordinal: usize) -> Option<[u64; 2]> {
    #[cfg(feature = "cuda")]
    return super::device::memory(ordinal).map(|bytes| bytes.map(|bytes| bytes as u64 >> 20));
    #[cfg(not(feature = "cuda"))]
    return None.filter(|_: &[u64; 2]| ordinal == 0);
}

/// Whether operators on `x` are carried out on a card.
pub(crate) fn takes(x: &Tensor) -> bool {
    #[cfg(test)]
    if super::emulation::on() {
        return true;
    }
    x.device().is_cuda()
}

/// `x` on the device and in the numbers of `like`.
pub(crate) fn bring(x: &Tensor, like: &Tensor) -> Result<Tensor> {
    if x.device().same_device(like.device()) {
        return x.to_dtype(like.dtype());
    }
    // What is wider is rounded where it comes from, so that less goes over.
    if x.dtype().size_in_bytes() > like.dtype().size_in_bytes() {
        return x.to_dtype(like.dtype())?.to_device(like.device());
    }
    x.to_device(like.device())?.to_dtype(like.dtype())
}

/// The numbers of a tensor on the host, in single precision.
pub(crate) fn read(x: &Tensor) -> Result<Vec<f32>> {
    x.flatten_all()?.to_dtype(DType::F32)?.to_vec1()
}

/// Numbers of single precision on the device of whoever asked first: biases, scales and shifts.
#[derive(Debug, Default)]
pub(crate) struct Resident(OnceLock<Tensor>);

impl Resident {
    /// `numbers` on the device of `x`; taken there anew each time for whoever comes with a second device.
    pub(crate) fn get(&self, numbers: &[f32], x: &Tensor) -> Result<Tensor> {
        if let Some(there) = self.0.get().filter(|there| there.device().same_device(x.device())) {
            return Ok(there.clone());
        }
        let there = Tensor::from_slice(numbers, numbers.len(), x.device())?;
        // Whoever lost the race has the same numbers.
        let _ = self.0.set(there.clone());
        Ok(there)
    }
}

/// Weights on a card, or why they are not there.
#[derive(Debug)]
pub(crate) struct Placed(std::result::Result<Tensor, String>);

thread_local! {
    static FAILURE: RefCell<Option<String>> = const { RefCell::new(None) };
}

impl Placed {
    /// Layers are built by code that cannot fail; whoever builds a network asks [`failure`] in the end.
    pub(super) fn new(placed: Result<Tensor>) -> Self {
        Self(placed.map_err(|error| {
            let why = format!("weights find no place on the card: {error}");
            FAILURE.set(Some(why.clone()));
            why
        }))
    }

    /// The weights.
    ///
    /// # Errors
    /// When they are not there.
    pub(crate) fn get(&self) -> Result<&Tensor> {
        self.0.as_ref().map_err(|why| candle_core::Error::Msg(why.clone()))
    }
}

/// Why weights that this thread wanted on a card since it last asked are not there.
pub(crate) fn failure() -> Option<String> {
    FAILURE.take()
}

/// Weights in `PyTorch`'s order `[outer, inner, taps]`, placed by `from`, as `[outer, taps, inner]`.
pub(super) fn by_taps(
    weights: &Numbers,
    [outer, inner, taps]: [usize; 3],
    from: impl Fn(usize, usize, usize) -> usize,
) -> Vec<f32> {
    let weights = weights.widened();
    let mut placed = Vec::with_capacity(outer * inner * taps);
    for row in 0..outer {
        for tap in 0..taps {
            placed.extend((0..inner).map(|i| weights[from(row, i, tap)]));
        }
    }
    placed
}
