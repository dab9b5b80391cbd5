//! The device that the network runs on.

use shared::job::Compute;

use crate::kernels::Form;

/// The device in words, for `doctor` and logs: threads, the width of vector registers, and how products are computed.
pub fn device_name() -> String {
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
