//! Memory for results that are written whole.

// Memory is taken as it comes; the one use says why it is sound.
#![allow(unsafe_code)]

#[cfg(all(target_arch = "x86_64", not(miri), not(debug_assertions)))]
use std::arch::asm;

/// `count` numbers, whatever they are: to be written before they are read. Zeros would be written by one thread, and written over by all of them.
///
/// In builds with debug assertions they are NaN, so that tests notice one that was not written.
pub(super) fn numbers(count: usize) -> Vec<f32> {
    #[cfg(all(target_arch = "x86_64", not(miri), not(debug_assertions)))]
    {
        let mut numbers = Vec::<f32>::with_capacity(count);
        // SAFETY: the capacity is `count`. To the compiler the block may have written all of it, so that it may assume nothing of what is
        // there, and every pattern of bits is an `f32`.
        unsafe {
            asm!("/* {} */", in(reg) numbers.as_mut_ptr(), options(nostack, preserves_flags));
            numbers.set_len(count);
        }
        numbers
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(debug_assertions))))]
    vec![if cfg!(debug_assertions) { f32::NAN } else { 0.0 }; count]
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_are_as_many_as_asked_for_and_all_can_be_written() {
        for count in [0, 1, 1000, 1 << 20] {
            let mut numbers = super::numbers(count);
            assert_eq!(numbers.len(), count);
            numbers.fill(1.0);
            assert!(numbers.iter().all(|x| x.to_bits() == 1.0_f32.to_bits()));
        }
    }
}
