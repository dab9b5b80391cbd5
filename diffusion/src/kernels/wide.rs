//! Runs a plain loop compiled for the widest vector registers of this machine.

use pulp::{Arch, Simd, WithSimd};

/// Calls `f`, which must be marked `#[inline(always)]`, where the compiler may use all instructions that this machine has.
pub(super) fn wide(f: impl FnMut()) {
    Arch::new().dispatch(Wide(f));
}

/// Whether this machine has 32 vector registers.
#[cfg(test)]
pub(super) fn has_many_registers() -> bool {
    struct Many;
    impl WithSimd for Many {
        type Output = bool;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> bool {
            super::few::fits::<S>()
        }
    }
    Arch::new().dispatch(Many)
}

struct Wide<F>(F);

impl<F: FnMut()> WithSimd for Wide<F> {
    type Output = ();

    // Not through `FnOnce`: the adapter that rustc puts before a closure called once is compiled without those
    // instructions, and a fused multiply-add becomes a call to a library there.
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        (self.0)();
    }
}
