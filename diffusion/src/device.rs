//! What a network is computed on.

use shared::{Error, Result, job::Compute};

use crate::{cuda, kernels::Form};

/// What a network is computed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// All threads of the processor.
    #[default]
    Cpu,
    /// An NVIDIA card, by its number.
    Cuda(usize),
}

impl Device {
    /// The device that `text` names: `cpu`, `cuda:N`, or `auto` for the first card if there is one that can be used, else the processor.
    ///
    /// # Errors
    /// When there is no such card, this build does not know cards, or the text names nothing.
    pub fn choose(text: &str) -> Result<Self> {
        let number = text.strip_prefix("cuda:").map(str::parse);
        match (text, number) {
            ("auto", _) => Ok(if cuda::name(0).is_ok() { Self::Cuda(0) } else { Self::Cpu }),
            ("cpu", _) => Ok(Self::Cpu),
            (_, Some(Ok(ordinal))) => match cuda::name(ordinal) {
                Ok(_) => Ok(Self::Cuda(ordinal)),
                Err(why) => {
                    Err(Error::order(format!("the network cannot be computed on {text}: {why}")).mend(mending()))
                }
            },
            _ => {
                Err(Error::order(format!("there is no device \"{text}\"")).mend("give auto, cpu, or cuda:0 and so on"))
            }
        }
    }

    /// The device in words, for `doctor` and logs: what it is, and how products are computed on it.
    pub fn describe(self) -> String {
        match self {
            Self::Cpu => processor(),
            Self::Cuda(ordinal) => match cuda::name(ordinal) {
                Ok(name) => format!("cuda:{ordinal}, {name}"),
                Err(why) => format!("cuda:{ordinal}, which cannot be used: {why}"),
            },
        }
    }

    /// Free and total memory of a card in MiB; nothing for the processor, or where it cannot be asked.
    pub fn memory(self) -> Option<[u64; 2]> {
        match self {
            Self::Cpu => None,
            Self::Cuda(ordinal) => cuda::memory(ordinal),
        }
    }
}

/// What helps whoever wants a card.
fn mending() -> &'static str {
    if cfg!(feature = "cuda") {
        "\"emofarm doctor\" names the device at hand; give auto or cpu to do without"
    } else {
        "give cpu or auto, or build with --features cuda (docs/operations.md)"
    }
}

/// Threads, the width of vector registers, and how products are computed.
fn processor() -> String {
    let registers = match crate::kernels::lanes() {
        16 => "512-bit vectors",
        8 => "256-bit vectors",
        4 => "128-bit vectors",
        _ => "no vectors: rendering will be very slow",
    };
    let threads = rayon::current_num_threads();
    let [f32, bf16] = [Compute::F32, Compute::Bf16].map(|compute| Form::of(compute).name());
    format!("CPU, {threads} thread{}, {registers}; f32 by {f32}, bf16 by {bf16}", if threads == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_and_what_is_none_is_refused() {
        assert_eq!(Device::choose("cpu").unwrap(), Device::Cpu);
        assert!(Device::choose("auto").is_ok());
        for text in ["", "gpu", "cuda", "cuda:", "cuda:x", "cuda:-1"] {
            let error = Device::choose(text).unwrap_err();
            assert!(error.to_string().contains(text) && error.mending().is_some(), "{error}");
        }
        assert!(Device::Cpu.describe().starts_with("CPU, "));
    }

    #[test]
    fn a_card_that_is_not_there_is_refused_with_the_reason() {
        let error = Device::choose("cuda:99").unwrap_err();
        assert!(error.to_string().contains("cuda:99") && error.mending().is_some(), "{error}");
        assert!(Device::Cuda(99).describe().contains("cannot be used") && Device::Cuda(99).memory().is_none());
    }
}
