//! Counts the arithmetic of a run without doing it: the network walks through the very calls of a real run, while kernels
//! only count and hand out zeros that take no memory.

use std::{cell::RefCell, collections::BTreeMap};

use candle_core::{Device, Result, Shape, Tensor};

thread_local! {
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// What is counted on this thread.
struct Meter {
    part: &'static str,
    counts: Counts,
}

/// Multiply-accumulates of each part of a network, in no part those outside of all.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// Runs `f` without arithmetic and counts what it would have cost. Everything must happen on this thread.
pub(crate) fn measure<T>(f: impl FnOnce() -> T) -> (T, Counts) {
    let before = METER.replace(Some(Meter { part: "other", counts: Counts::new() }));
    let result = f();
    let meter = METER.replace(before);
    (result, meter.map(|meter| meter.counts).unwrap_or_default())
}

/// Runs `f` as a part of the network: what it costs is counted under `name`.
pub(crate) fn part<T>(name: &'static str, f: impl FnOnce() -> T) -> T {
    let swap =
        |name| METER.with_borrow_mut(|meter| meter.as_mut().map(|meter| std::mem::replace(&mut meter.part, name)));
    let before = swap(name);
    let result = f();
    if let Some(before) = before {
        swap(before);
    }
    result
}

/// A tensor of `shape` from `f`, which costs nothing that counts; zeros without calling it while this thread counts.
pub(crate) fn shaped(shape: &[usize], f: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
    if runs() { zeros(shape) } else { f() }
}

/// Zeros whose pages take no memory until somebody writes them.
pub(super) fn zeros(shape: impl Into<Shape>) -> Result<Tensor> {
    let shape = shape.into();
    Tensor::from_vec(vec![0.0f32; shape.elem_count()], shape, &Device::Cpu)
}

/// Whether this thread counts and does not compute.
pub(super) fn runs() -> bool {
    METER.with_borrow(Option::is_some)
}

/// Counts multiply-accumulates, if anything is counted.
pub(super) fn count(multiplies: usize) {
    METER.with_borrow_mut(|meter| {
        if let Some(meter) = meter {
            *meter.counts.entry(meter.part).or_default() += multiplies as u64;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_to_the_part_at_hand_and_end_with_the_measurement() {
        let ((), counts) = measure(|| {
            count(1);
            part("a", || {
                count(2);
                part("b", || count(4));
                count(8);
            });
            count(16);
        });
        assert_eq!(counts, Counts::from([("other", 17), ("a", 10), ("b", 4)]));
        assert!(!runs());
        count(1);
        assert_eq!(part("a", || 5), 5);
    }
}
