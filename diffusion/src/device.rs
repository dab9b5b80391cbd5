//! The device that the network runs on.

/// The device in words, for `doctor` and logs: threads and the width of vector registers.
pub fn device_name() -> String {
    let registers = match crate::kernels::lanes() {
        16 => "512-bit vectors",
        8 => "256-bit vectors",
        4 => "128-bit vectors",
        _ => "no vectors: rendering will be very slow",
    };
    let threads = rayon::current_num_threads();
    format!("CPU, {threads} thread{}, {registers}", if threads == 1 { "" } else { "s" })
}
