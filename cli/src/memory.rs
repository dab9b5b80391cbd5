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

/// How long what mimalloc was given back waits before it goes to the system, in milliseconds; ten by default, and ten times as long for pieces as
/// large as the maps of a large picture. These come and go at longer intervals, and every page of them that is fresh is filled with zeros
/// first: an eighth of the time of decoding one.
const WAITS: std::ffi::c_long = 100;

/// What says otherwise: mimalloc's own variable.
const VARIABLE: &str = "MIMALLOC_PURGE_DELAY";

/// The option of mimalloc's second version that says so (`mi_option_purge_delay` in its `mimalloc.h`).
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Settles both. To be called once, before there are threads.
#[expect(unsafe_code, reason = "allocators are told by their own functions alone")]
pub(crate) fn settle() {
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: the function takes two numbers and stores one in a table of options; no other thread runs yet.
        unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, WAITS) };
    }
    keep_little();
}

/// Has the C library keep little, in one arena. A setting that it refuses stays as it was.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "only the C library can be told how it keeps memory")]
fn keep_little() {
    for (what, value) in [(libc::M_ARENA_MAX, 1), (libc::M_MMAP_THRESHOLD, LARGE), (libc::M_TRIM_THRESHOLD, KEPT)] {
        // SAFETY: mallopt takes two numbers and touches nothing of ours; no other thread runs yet.
        unsafe { libc::mallopt(what, value) };
    }
}

/// Other C libraries have no such settings.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_little() {}

#[cfg(test)]
mod tests {
    /// The number of an option is known from a header: those that stand beside it there tell that it is still the same.
    #[test]
    #[expect(unsafe_code, reason = "allocators are asked by their own functions alone")]
    fn the_option_is_the_one_that_is_meant() {
        assert_eq!(libmimalloc_sys::mi_option_eager_commit_delay + 1, super::PURGE_DELAY);
        assert_eq!(super::PURGE_DELAY + 1, libmimalloc_sys::mi_option_use_numa_nodes);
        // SAFETY: the function reads a number in a table of options, which nobody writes in a program of tests.
        let waits = unsafe { libmimalloc_sys::mi_option_get(super::PURGE_DELAY) };
        assert!(waits == 10 || std::env::var_os(super::VARIABLE).is_some(), "{waits} ms by default");
    }
}
