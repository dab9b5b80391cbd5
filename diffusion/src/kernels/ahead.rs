//! Asks for weights before they are needed: a layer of many channels and few pixels waits for nothing but memory, which has nothing to do
//! while products are computed.

// An instruction without a safe name; the one use says why it is sound.
#![allow(unsafe_code)]

use std::ops::Range;

/// Bytes that come together.
const LINE: usize = 64;

/// Steps of a computation after which more is asked for. All of it at once would fill the queue in which a core keeps what it has asked
/// for, and the core would stand still until that is empty.
pub(super) const STEPS: usize = 8;

/// Memory that is asked for little by little.
pub(super) struct Ahead {
    /// Addresses of what is left; nothing is read there.
    rest: Range<usize>,
    /// Bytes at once.
    portion: usize,
}

impl Ahead {
    /// Asks for nothing.
    pub(super) const NOTHING: Self = Self { rest: 0..0, portion: LINE };

    /// `numbers`, while so many `steps` are computed.
    #[inline(always)]
    pub(super) fn new<T>(numbers: &[T], steps: usize) -> Self {
        let start = numbers.as_ptr().addr();
        let bytes = size_of_val(numbers);
        let portions = steps.div_ceil(STEPS).max(1);
        Self { rest: start..start + bytes, portion: bytes.div_ceil(portions).next_multiple_of(LINE) }
    }

    /// Asks for the next portion; whoever reads it soon waits less. Nothing else changes.
    #[inline(always)]
    pub(super) fn go_on(&mut self) {
        let end = self.rest.end.min(self.rest.start + self.portion);
        while self.rest.start < end {
            fetch(self.rest.start);
            self.rest.start += LINE;
        }
    }
}

/// Has the memory around an address brought near.
#[inline(always)]
fn fetch(address: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: an instruction that only asks for memory reads and writes nothing a program could see, and fails at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::without_provenance(address)) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_asked_for_by_the_last_step_and_nothing_changes() {
        let numbers: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for (bytes, steps) in [(5000, 320), (5000, 1), (100, 320), (0, 7), (4096, 64)] {
            let mut ahead = Ahead::new(&numbers[..bytes], steps);
            for step in (0..steps).step_by(STEPS) {
                let before = ahead.rest.start;
                ahead.go_on();
                assert!(ahead.rest.start - before < bytes.div_ceil(steps.div_ceil(STEPS)) + 2 * LINE, "at step {step}");
            }
            assert!(ahead.rest.is_empty(), "{bytes} bytes, {steps} steps: {:?} left", ahead.rest);
        }
        assert!(Ahead::NOTHING.rest.is_empty());
        assert!(numbers.iter().enumerate().all(|(i, x)| usize::from(*x) == i % 256));
    }
}
