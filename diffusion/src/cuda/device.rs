//! Cards themselves: which there are, and how plans are carried out on them.

#![allow(unsafe_code)]

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use candle_core::{
    CudaDevice, CudaStorage, Device, Layout, Result, Storage, bail,
    cuda_backend::{
        CudaDType, CudaStorageSlice, WrapErr as _,
        cudarc::driver::{CudaContext, CudaSlice, CudaView, DeviceRepr, LaunchArgs, LaunchConfig, PushKernelArg as _},
    },
};
use half::{bf16, f16};

use super::{
    card::{Kind, Lane},
    plan::{Argument, Launch, Module, Plan},
};

/// Libraries without which nothing runs on a card.
const LIBRARIES: [&str; 3] = ["cuda", "cublas", "curand"];
/// Endings of their versions. CUDA's major version is the library's, but for the driver (1) and cuRAND (10).
const ENDINGS: [&str; 5] = [".13", ".12", ".10", ".1", ""];

/// The name of a card and its memory, or why it cannot be used.
pub(super) fn name(ordinal: usize) -> std::result::Result<String, String> {
    libraries()?;
    let asked = || {
        let count = CudaContext::device_count()?;
        if ordinal >= usize::try_from(count).unwrap_or(0) {
            return Ok(Err(format!("there are {count} NVIDIA cards, and none of them is cuda:{ordinal}")));
        }
        let card = CudaContext::new(ordinal)?;
        let ((major, minor), memory) = (card.compute_capability()?, card.total_mem()? >> 20);
        // What the kernels were compiled for.
        if major < 8 {
            return Ok(Err(format!("{} (compute capability {major}.{minor}) is too old: 8.0 is needed", card.name()?)));
        }
        Ok(Ok(format!("{}, compute capability {major}.{minor}, {memory} MiB", card.name()?)))
    };
    asked().unwrap_or_else(|error: candle_core::cuda_backend::cudarc::driver::DriverError| {
        Err(format!("the CUDA driver cannot be used: {error}"))
    })
}

/// Free and total memory of a card in bytes, if it can be asked.
pub(super) fn memory(ordinal: usize) -> Option<[usize; 2]> {
    name(ordinal).ok()?;
    CudaContext::new(ordinal).and_then(|card| card.mem_get_info()).ok().map(|(free, total)| [free, total])
}

/// Looks for CUDA's libraries, so that a machine without them is told which one it lacks; asked once.
fn libraries() -> std::result::Result<(), String> {
    static FOUND: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    FOUND.get_or_init(|| LIBRARIES.into_iter().try_for_each(library)).clone()
}

fn library(name: &str) -> std::result::Result<(), String> {
    let there = ENDINGS.iter().any(|ending| {
        // SAFETY: opening NVIDIA's libraries runs their initialisers, which need nothing of this program; it is what calling them would do
        // a moment later. No symbol is taken from them here.
        unsafe { libloading::Library::new(format!("lib{name}.so{ending}")) }.is_ok()
    });
    let needed = if name == "cuda" { "NVIDIA's driver" } else { "the CUDA toolkit's runtime libraries" };
    if there {
        Ok(())
    } else {
        Err(format!("lib{name}.so is not found: {needed} must be installed, or on LD_LIBRARY_PATH"))
    }
}

/// A stream of a card as a device of candle: always the same one for the same stream.
///
/// # Errors
/// When there is no such card, or CUDA's libraries are missing.
pub(super) fn open(ordinal: usize, lane: Lane) -> Result<Device> {
    static OPEN: OnceLock<Mutex<HashMap<(usize, Lane), Device>>> = OnceLock::new();
    let mut open = OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(device) = open.get(&(ordinal, lane)) {
        return Ok(device.clone());
    }
    if let Err(why) = name(ordinal) {
        bail!("{why}");
    }
    // Streams of their own, not those of threads: a network is used by whichever thread has a task.
    let device = Device::new_cuda_with_stream(ordinal)?;
    open.insert((ordinal, lane), device.clone());
    Ok(device)
}

impl Module {
    /// Its name and what nvcc made of it.
    fn code(self) -> (&'static str, &'static str) {
        macro_rules! code {
            ($name:literal) => {
                (concat!("emofarm-", $name), include_str!(concat!(env!("OUT_DIR"), "/", $name, ".ptx")))
            };
        }
        match self {
            Self::Attention => code!("attention"),
            Self::Gate => code!("gate"),
            Self::Norm => code!("norm"),
            Self::Product => code!("product"),
            Self::Rows => code!("rows"),
            Self::Step => code!("step"),
        }
    }
}

/// A tensor that kernels read.
enum Read<'a> {
    F32(CudaView<'a, f32>),
    F16(CudaView<'a, f16>),
    Bf16(CudaView<'a, bf16>),
}

impl<'a> Read<'a> {
    fn of(storage: &'a CudaStorage, layout: &Layout) -> Result<Self> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("a kernel got a tensor that is not contiguous")
        };
        Ok(match &storage.slice {
            CudaStorageSlice::F32(x) => Self::F32(x.slice(start..end)),
            CudaStorageSlice::F16(x) => Self::F16(x.slice(start..end)),
            CudaStorageSlice::BF16(x) => Self::Bf16(x.slice(start..end)),
            _ => bail!("there are kernels for f32, f16 and bf16 only"),
        })
    }

    fn give<'b>(&'b self, to: &mut LaunchArgs<'b>)
    where
        'a: 'b,
    {
        match self {
            Self::F32(view) => to.arg(view),
            Self::F16(view) => to.arg(view),
            Self::Bf16(view) => to.arg(view),
        };
    }
}

/// Carries out a plan whose first tensor is `first`.
///
/// # Errors
/// When memory is short, or a kernel cannot be launched.
pub(super) fn run(plan: &Plan, first: &CudaStorage, layout: &Layout) -> Result<CudaStorage> {
    match plan.kind {
        Kind::F32 => run_as::<f32>(plan, first, layout),
        Kind::F16 => run_as::<f16>(plan, first, layout),
        Kind::Bf16 => run_as::<bf16>(plan, first, layout),
    }
}

fn run_as<T: DeviceRepr + CudaDType>(plan: &Plan, first: &CudaStorage, layout: &Layout) -> Result<CudaStorage> {
    let device = first.device.clone();
    let held: Vec<_> = plan.inputs.iter().skip(1).map(candle_core::Tensor::storage_and_layout).collect();
    let mut inputs = vec![Read::of(first, layout)?];
    for (storage, layout) in &held {
        match &**storage {
            Storage::Cuda(storage) => inputs.push(Read::of(storage, layout)?),
            _ => bail!("{}: its tensors are not all on the card", plan.name),
        }
    }
    // SAFETY: the memory is read by nobody before the last launch has filled all of it; tests under emulation fill it with NaN first.
    let mut out = unsafe { device.alloc::<T>(plan.shape.elem_count()) }?;
    // SAFETY: as above; the first launch fills what the second reads.
    let mut scratch = unsafe { device.alloc::<f32>(plan.scratch.max(1)) }?;
    for launch in &plan.launches {
        start(&device, launch, &inputs, &mut out, &mut scratch)?;
    }
    Ok(CudaStorage::wrap_cuda_slice(out, device))
}

fn start<T: DeviceRepr>(
    device: &CudaDevice,
    launch: &Launch,
    inputs: &[Read<'_>],
    out: &mut CudaSlice<T>,
    scratch: &mut CudaSlice<f32>,
) -> Result<()> {
    let (module, code) = launch.module.code();
    let function = device.get_or_load_custom_func(&launch.kernel, module, code)?;
    let mut builder = function.builder();
    let null = 0_u64;
    let (mut out, mut scratch) = (Some(out), Some(scratch));
    for argument in &launch.arguments {
        match argument {
            Argument::Input(place) => inputs[*place].give(&mut builder),
            Argument::Null => {
                builder.arg(&null);
            }
            Argument::Output => match out.take() {
                Some(out) => {
                    builder.arg(out);
                }
                None => bail!("{}: one output twice", launch.kernel),
            },
            Argument::Scratch => match scratch.take() {
                Some(scratch) => {
                    builder.arg(scratch);
                }
                None => bail!("{}: one scratch twice", launch.kernel),
            },
            Argument::Whole(size) => {
                builder.arg(size);
            }
            Argument::Real(number) => {
                builder.arg(number);
            }
        }
    }
    let [x, y] = launch.grid;
    let config = LaunchConfig { grid_dim: (x, y, 1), block_dim: (launch.threads, 1, 1), shared_mem_bytes: 0 };
    // SAFETY: plans give each kernel its arguments in number, order and kind as it declares them, and sizes within the tensors. The same plans are carried
    // out under emulation in the ordinary tests, where whoever writes behind a buffer is found.
    unsafe { builder.launch(config) }.w()?;
    Ok(())
}
