//! With the feature `cuda`: compiles the kernels in `src/cuda/kernels` with nvcc, to PTX that the driver turns into code for the card at hand.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Files of kernels, without their ending.
const KERNELS: [&str; 6] = ["attention", "gate", "norm", "product", "rows", "step"];
/// The oldest cards with products of bfloat16 (Ampere); newer ones run the same PTX.
const ARCHITECTURE: &str = "compute_80";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/cuda/kernels");
    for variable in ["NVCC", "CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if env::var_os("CARGO_FEATURE_CUDA").is_some() {
        let (nvcc, out) = (nvcc(), PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where results go")));
        for kernel in KERNELS {
            compile(&nvcc, kernel, &out.join(format!("{kernel}.ptx")));
        }
    }
}

/// The compiler: what `NVCC` names, that of the toolkit that `CUDA_HOME` or one of its cousins names, or whatever is on the path.
fn nvcc() -> PathBuf {
    let of_toolkit =
        |name: &str| env::var_os(name).map(|home| Path::new(&home).join("bin/nvcc")).filter(|nvcc| nvcc.is_file());
    env::var_os("NVCC")
        .map(PathBuf::from)
        .or_else(|| ["CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"].into_iter().find_map(of_toolkit))
        .unwrap_or_else(|| "nvcc".into())
}

fn compile(nvcc: &Path, kernel: &str, to: &Path) {
    let source = format!("src/cuda/kernels/{kernel}.cu");
    let mut command = Command::new(nvcc);
    command.args(["--ptx", "-O3", "-std=c++17", "-arch", ARCHITECTURE, "-o"]).arg(to).arg(&source);
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{} could not compile {source}: {status}", nvcc.display()),
        Err(error) => {
            panic!("{} cannot be started ({error}): install the CUDA toolkit, or set NVCC or CUDA_HOME", nvcc.display())
        }
    }
}
