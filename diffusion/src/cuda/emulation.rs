//! A card that is played by the CPU: plans are carried out by the same kernels, compiled as C++ (`tests/emulation`).

use std::{
    cell::{Cell, RefCell},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use candle_core::{CpuStorage, Result, Storage, Tensor, bail};
use half::{bf16, f16};
use shared::job::Compute;

use super::{
    card::{Card, Kind, Lane},
    plan::{Argument, Plan},
};

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
    static CARD: RefCell<Option<Played>> = const { RefCell::new(None) };
}

/// Whether operators on this thread go to the played card.
pub(super) fn on() -> bool {
    ON.get()
}

/// Runs `f` with all operators of this thread on the played card.
pub(crate) fn within<T>(f: impl FnOnce() -> T) -> T {
    swapped(true, f)
}

/// Runs `f` as if there were none.
pub(super) fn without<T>(f: impl FnOnce() -> T) -> T {
    swapped(false, f)
}

fn swapped<T>(on: bool, f: impl FnOnce() -> T) -> T {
    let before = ON.replace(on);
    let result = f();
    ON.set(before);
    result
}

/// The played card, for a network that is loaded for orders of `compute` while it is on.
pub(crate) fn played(compute: Option<Compute>) -> Option<Card> {
    let kind = match compute {
        Some(Compute::Bf16) | None => Kind::Bf16,
        Some(Compute::F16) => Kind::F16,
        Some(Compute::F32 | Compute::Exact) => Kind::F32,
    };
    on().then_some(Card { ordinal: None, lane: Lane::Draw, kind })
}

/// The program that plays, waiting for work.
struct Played(Child);

impl Drop for Played {
    fn drop(&mut self) {
        // It ends by itself when its input does.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Compiles the program where it is not there yet; a name of its own for each state of the sources lets tests run side by side.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources: Vec<PathBuf> = [root.join("tests/emulation"), root.join("src/cuda/kernels")]
            .iter()
            .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
            .collect();
        sources.sort();
        let mut digest = <sha2::Sha256 as sha2::Digest>::new();
        for source in &sources {
            sha2::Digest::update(&mut digest, std::fs::read(source).unwrap());
        }
        let digest = sha2::Digest::finalize(digest);
        let digest = digest.iter().take(8).fold(0_u64, |digest, byte| digest << 8 | u64::from(*byte));
        let program = Path::new(env!("OUT_DIR")).join(format!("emulation-{digest:016x}"));
        if !program.is_file() {
            let made = program.with_extension(std::process::id().to_string());
            let done = Command::new("g++")
                // Jumps between stacks are not what the library's checks expect.
                .args(["-std=c++17", "-O1", "-DEMULATED", "-U_FORTIFY_SOURCE", "-w", "-I"])
                .arg(root.join("tests/emulation"))
                .arg(root.join("tests/emulation/main.cpp"))
                .arg("-o")
                .arg(&made)
                .status()
                .expect("g++ compiles the CUDA kernels for tests (Debian: build-essential)");
            assert!(done.success(), "the CUDA kernels do not compile as C++");
            std::fs::rename(&made, &program).unwrap();
        }
        program
    })
}

/// Carries out a plan.
pub(super) fn run(plan: &Plan) -> Result<CpuStorage> {
    let answer = CARD.with_borrow_mut(|card| {
        let card = card.get_or_insert_with(|| {
            Played(Command::new(program()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
        });
        ask(&mut card.0, &request(plan)?, plan.shape.elem_count() * plan.kind.dtype().size_in_bytes())
    })?;
    Ok(match plan.kind {
        Kind::F32 => CpuStorage::F32(answer.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Kind::F16 => CpuStorage::F16(answer.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b)).collect()),
        Kind::Bf16 => CpuStorage::BF16(answer.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b)).collect()),
    })
}

fn ask(card: &mut Child, request: &[u8], size: usize) -> Result<Vec<u8>> {
    let (Some(to), Some(from)) = (card.stdin.as_mut(), card.stdout.as_mut()) else { bail!("nobody plays the card") };
    to.write_all(request)?;
    to.flush()?;
    let mut word = || -> Result<usize> {
        let mut word = [0; 8];
        from.read_exact(&mut word)?;
        Ok(u64::from_le_bytes(word) as usize)
    };
    let size = if word()? == 0 { Ok(size) } else { Err(word()?) };
    let mut answer = vec![0; size.unwrap_or_else(|size| size)];
    from.read_exact(&mut answer)?;
    match size {
        Ok(_) => Ok(answer),
        Err(_) => bail!("{}", String::from_utf8_lossy(&answer)),
    }
}

/// The request of a plan, as `main.cpp` reads it: its tensors, the output and the scratch as buffers, then its launches.
fn request(plan: &Plan) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let output = plan.inputs.len();
    let word = |bytes: &mut Vec<u8>, value: usize| bytes.extend((value as u64).to_le_bytes());
    word(&mut bytes, output + 2);
    for input in &plan.inputs {
        let contents = contents(input)?;
        word(&mut bytes, contents.len());
        word(&mut bytes, 1);
        bytes.extend(contents);
    }
    for size in [plan.shape.elem_count() * plan.kind.dtype().size_in_bytes(), plan.scratch * 4] {
        word(&mut bytes, size);
        word(&mut bytes, 0);
    }
    word(&mut bytes, plan.launches.len());
    for launch in &plan.launches {
        word(&mut bytes, launch.kernel.len());
        bytes.extend(launch.kernel.as_bytes());
        for size in [launch.grid[0], launch.grid[1], 1, launch.threads] {
            word(&mut bytes, size as usize);
        }
        word(&mut bytes, launch.arguments.len());
        for argument in &launch.arguments {
            let (kind, value) = match *argument {
                Argument::Input(place) => (0, place as u64),
                Argument::Output => (0, output as u64),
                Argument::Scratch => (0, output as u64 + 1),
                Argument::Whole(size) => (1, u64::from(size as u32)),
                Argument::Real(number) => (1, u64::from(number.to_bits())),
                Argument::Null => (2, 0),
            };
            word(&mut bytes, kind);
            bytes.extend(value.to_le_bytes());
        }
    }
    word(&mut bytes, output);
    Ok(bytes)
}

fn contents(input: &Tensor) -> Result<Vec<u8>> {
    let (storage, layout) = input.storage_and_layout();
    let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        bail!("the played card got a tensor that is elsewhere, or not contiguous")
    };
    Ok(match storage {
        CpuStorage::F32(x) => x[start..end].iter().flat_map(|x| x.to_le_bytes()).collect(),
        CpuStorage::F16(x) => x[start..end].iter().flat_map(|x| x.to_le_bytes()).collect(),
        CpuStorage::BF16(x) => x[start..end].iter().flat_map(|x| x.to_le_bytes()).collect(),
        other => bail!("the played card has no numbers like {other:?}"),
    })
}
