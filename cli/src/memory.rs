//! What the program keeps of the memory that was given back to it.
//!
//! Rust's own memory comes from mimalloc. Encoders, decoders and `SQLite` take theirs from the C library, which by default makes an arena for
//! every thread that asks and keeps in each what was given back: after ten minutes of film that was half of what the process held, while
//! five megabytes were in use.

/// Larger pieces than this, such as pictures, go back to the system when they are freed. Bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 256 << 10;

/// At most so much is kept at the end of the heap. Bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 1 << 20;

/// Has the C library keep little, in one arena. To be called once, before there are threads. A setting that it refuses stays as it was.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "only the C library can be told how it keeps memory")]
pub(crate) fn keep_little() {
    for (what, value) in [(libc::M_ARENA_MAX, 1), (libc::M_MMAP_THRESHOLD, LARGE), (libc::M_TRIM_THRESHOLD, KEPT)] {
        // SAFETY: mallopt takes two numbers and touches nothing of ours; no other thread runs yet.
        unsafe { libc::mallopt(what, value) };
    }
}

/// Other C libraries have no such settings.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_little() {}
