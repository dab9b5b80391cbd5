//! The network at the published width beside other engines, in turn: `cargo bench -p diffusion --bench peers -- [CASE..]`.
//!
//! `EMOFARM_PYTHON` names a Python with torch (and onnxruntime, onnx); `python3` when it is not set. A case is part of a name such as
//! `spatial-256-f32`; all that are timed run when none is given. Each figure is the median of seven runs; engines take turns, so that what
//! the machine does besides falls on all of them alike.
//!
//! `make peers` tells the allocator what the program tells it.
//!
//! Cases that begin with `memory` are about memory, and run by their whole names only, each in a process of its own: ours holds weights in the half
//! precision in which packs are published, PyTorch in the precision that it computes in; each makes one clip.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use diffusion::trial::{Piece, Trial};
use shared::{Error, Result, job::Compute};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUNS: usize = 7;
/// Share of a run from which on a shape gets a line.
const WORTH_TELLING: f64 = 0.015;

/// What is run, in pictures of which size, how exactly, beside whom.
struct Case {
    piece: Piece,
    size: usize,
    compute: Compute,
    peers: &'static [&'static str],
    /// Whether it is about memory.
    memory: bool,
}

const F32: &[&str] = &["torch-f32", "onnxruntime-f32"];

const CASES: [Case; 10] = [
    Case::timed(Piece::Spatial, 256, Compute::F32, F32),
    Case::timed(Piece::Spatial, 256, Compute::Exact, F32),
    Case::timed(Piece::Spatial, 256, Compute::Bf16, &["torch-bf16"]),
    Case::timed(Piece::Clip, 256, Compute::F32, &["torch-f32"]),
    Case::timed(Piece::Clip, 256, Compute::Bf16, &["torch-bf16"]),
    Case::timed(Piece::Decode, 256, Compute::F32, &["torch-f32"]),
    Case::timed(Piece::Decode, 512, Compute::F32, &["torch-f32"]),
    Case::timed(Piece::Decode, 512, Compute::Bf16, &["torch-bf16"]),
    Case::of_memory(512, Compute::F32, &["torch-f32"]),
    Case::of_memory(512, Compute::Bf16, &["torch-bf16"]),
];

impl Case {
    const fn timed(piece: Piece, size: usize, compute: Compute, peers: &'static [&'static str]) -> Self {
        Self { piece, size, compute, peers, memory: false }
    }

    const fn of_memory(size: usize, compute: Compute, peers: &'static [&'static str]) -> Self {
        Self { piece: Piece::Clip, size, compute, peers, memory: true }
    }

    fn piece(&self) -> &'static str {
        match self.piece {
            Piece::Spatial => "spatial",
            Piece::Clip | Piece::Step => "clip",
            Piece::Decode => "decode",
        }
    }

    fn name(&self) -> String {
        let what = if self.memory { "memory" } else { self.piece() };
        format!("{what}-{}-{:?}", self.size, self.compute).to_lowercase()
    }
}

/// Another engine in a process of its own.
struct Peer {
    name: &'static str,
    how: String,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    times: Times,
}

impl Peer {
    fn start(case: &Case, name: &'static str) -> Result<Self> {
        let python = std::env::var("EMOFARM_PYTHON").unwrap_or_else(|_| "python3".into());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/peers.py");
        let threads = rayon::current_num_threads().to_string();
        let mut child = Command::new(&python)
            .args([script, case.piece(), &case.size.to_string(), name, &threads])
            .args(case.memory.then_some("once"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| Error::order(format!("{python} does not start")).mend("set EMOFARM_PYTHON").from_source(e))?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::world("a peer without standard input and output"));
        };
        let mut peer =
            Self { name, how: String::new(), child, to, from: BufReader::new(from), times: Times::default() };
        // Exporters chat before they are done.
        while peer.how.is_empty() {
            let line = peer.line()?;
            line.strip_prefix("ready ").unwrap_or_default().clone_into(&mut peer.how);
        }
        Ok(peer)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(1..) => Ok(line.trim().to_owned()),
            _ => Err(Error::world(format!("the peer {} ended; its last words are above", self.name))),
        }
    }

    /// Its two answers to `what`.
    fn ask(&mut self, what: &str) -> Result<[f64; 2]> {
        writeln!(self.to, "{what}").map_err(|e| Error::world("a peer is gone").from_source(e))?;
        let line = self.line()?;
        let numbers: Vec<f64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        numbers.try_into().map_err(|_| Error::world(format!("{} answered {line}", self.name)))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn main() -> Result<()> {
    // Cargo itself adds `--bench`.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    println!("{}; medians of {RUNS} runs in turn, milliseconds", diffusion::Device::Cpu.describe());
    let is_chosen = |case: &&Case| {
        let named = |name: &String| if case.memory { case.name() == *name } else { case.name().contains(name) };
        if chosen.is_empty() { !case.memory } else { chosen.iter().any(named) }
    };
    for case in CASES.iter().filter(is_chosen) {
        run(case)?;
    }
    Ok(())
}

fn run(case: &Case) -> Result<()> {
    let mut peers = case.peers.iter().map(|name| Peer::start(case, name)).collect::<Result<Vec<_>>>()?;
    let new = if case.memory { Trial::of_halves } else { Trial::new };
    let trial = new(case.piece, case.compute, case.size)?;
    let out = if case.memory { 0.0 } else { trial.run()? };
    if !case.memory {
        where_it_goes(&trial)?;
    }
    let mut ours = Times::default();
    for _ in 0..if case.memory { 1 } else { RUNS } {
        for peer in &mut peers {
            let times = peer.ask("run")?;
            peer.times.push(times);
        }
        let (start, spent) = (Instant::now(), processor_time());
        trial.run()?;
        ours.push([start.elapsed().as_secs_f64() * 1e3, processor_time() - spent]);
    }
    let [time, spent] = ours.medians();
    println!(
        "{}: {time:.0} ({spent:.0} of processor time; mean output {out:.3}, peak memory of all trials {:.2} GB)",
        case.name(),
        peak_memory()
    );
    for peer in &mut peers {
        let memory = peer.ask("memory")?[0] / 1e9;
        let [their_time, their_spent] = peer.times.medians();
        println!(
            "    beside {} ({}): {their_time:.0} ({their_spent:.0}), ours {:.3} of it ({:.3}); peak memory {memory:.2} GB",
            peer.name,
            peer.how,
            time / their_time,
            spent / their_spent
        );
    }
    Ok(())
}

/// Prints what each operator takes of a run, all shapes together.
fn where_it_goes(trial: &Trial) -> Result<()> {
    let began = Instant::now();
    let (ran, spent) = diffusion::bench::clocked(|| trial.run());
    ran?;
    let whole = began.elapsed().as_secs_f64();
    let mut operators: Vec<(&str, f64, f64)> = Vec::new();
    for one in &spent {
        let (time, flops) = (one.time.as_secs_f64(), one.flops as f64);
        match operators.iter_mut().find(|(name, ..)| *name == one.operator) {
            Some((_, all, work)) => (*all, *work) = (*all + time, *work + flops),
            None => operators.push((one.operator, time, flops)),
        }
    }
    operators.sort_by(|a, b| b.1.total_cmp(&a.1));
    let between = whole - operators.iter().map(|(_, time, _)| time).sum::<f64>();
    for (name, time, flops) in operators.into_iter().chain([("between operators", between, 0.0)]) {
        let rate = if flops > 0.0 {
            format!(", {:.0} GFLOP at {:.0} a second", flops / 1e9, flops / time / 1e9)
        } else {
            String::new()
        };
        println!("    {:4.1} %  {name}{rate}", time / whole * 100.0);
    }
    shapes(&spent, whole);
    Ok(())
}

/// Prints the operators and shapes that each take more than [`WORTH_TELLING`] of a run.
fn shapes(spent: &[diffusion::bench::Spent], whole: f64) {
    let mut all: BTreeMap<(&str, &[usize]), (f64, u64, u64)> = BTreeMap::new();
    for one in spent {
        let (time, calls, flops) = all.entry((one.operator, &one.shape)).or_default();
        (*time, *calls, *flops) = (*time + one.time.as_secs_f64(), *calls + one.calls, *flops + one.flops);
    }
    let mut all: Vec<_> = all.into_iter().filter(|(_, (time, ..))| *time > WORTH_TELLING * whole).collect();
    all.sort_by(|(_, (a, ..)), (_, (b, ..))| b.total_cmp(a));
    for ((operator, shape), (time, calls, flops)) in all {
        let (share, flops) = (time / whole * 100.0, flops as f64 / 1e9);
        println!(
            "        {share:4.1} %  {operator} {shape:?}, {calls} times, {flops:.1} GFLOP at {:.0} a second",
            flops / time
        );
    }
}

/// Milliseconds on the clock and of processor time, run by run.
#[derive(Default)]
struct Times([Vec<f64>; 2]);

impl Times {
    fn push(&mut self, times: [f64; 2]) {
        self.0.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
    }

    fn medians(&mut self) -> [f64; 2] {
        self.0.each_mut().map(|times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
    }
}

/// Milliseconds that all threads of this process have computed, where the system tells: in hundredths of a second.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted behind the program's name, which may hold spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
}

/// Peak resident memory of this process in GB, where the system tells.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next());
    peak.and_then(|kilobytes| kilobytes.parse::<f64>().ok()).unwrap_or_default() / 1e6
}
