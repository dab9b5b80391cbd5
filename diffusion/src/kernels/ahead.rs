//! Asks for weights before they are needed: a layer of many channels and few pixels waits for nothing but memory, which has nothing to do
//! while products are computed.

// An instruction without a safe name; the one use says why it is sound.
#![allow(unsafe_code)]

/// Bytes that come together.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Has `numbers` brought near; whoever reads them soon waits less. Nothing else changes.
#[inline(always)]
pub(super) fn fetch<T>(numbers: &[T]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        let start = numbers.as_ptr().cast::<i8>();
        for at in (0..std::mem::size_of_val(numbers)).step_by(LINE) {
            // SAFETY: the address lies within the slice, and an instruction that only asks for memory reads and writes nothing a program could see.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(start.add(at)) };
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = numbers;
}

#[cfg(test)]
mod tests {
    #[test]
    fn asking_changes_nothing() {
        let numbers: Vec<f32> = (0..100).map(|i| i as f32).collect();
        for part in [0..0, 3..4, 1..100] {
            super::fetch(&numbers[part]);
        }
        assert!(numbers.iter().enumerate().all(|(i, x)| (x - i as f32).abs() < f32::EPSILON));
    }
}
