//! What a run of the network costs, operator by operator: its arithmetic, counted without doing it, or its time, while it is done.
//!
//! To count, the network walks through the very calls of a real run, while kernels only count and hand out zeros that take no memory.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use candle_core::{Device, Result, Shape, Tensor};

thread_local! {
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// What is counted on this thread.
struct Meter {
    part: &'static str,
    counts: Counts,
    /// What each operator took, where operators run.
    times: Option<Times>,
}

/// Multiply-accumulates of each part of a network, in no part those outside of all.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// What operators took, each by its part of the network, its name and the shape that it made.
pub(crate) type Times = BTreeMap<(&'static str, &'static str, Vec<usize>), Spent>;

/// What calls of an operator took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Number of calls.
    pub(crate) calls: u64,
    /// On the clock.
    pub(crate) time: Duration,
    /// Multiply-accumulates.
    pub(crate) multiplies: u64,
}

/// The part outside of all.
const OTHER: &str = "other";

/// Runs `f` without arithmetic and counts what it would have cost. Everything must happen on this thread.
pub(crate) fn measure<T>(f: impl FnOnce() -> T) -> (T, Counts) {
    let (result, meter) = metered(None, f);
    (result, meter.map(|meter| meter.counts).unwrap_or_default())
}

/// Runs `f` and takes the time of its operators on the CPU. Those that other threads ask for are not seen.
pub(crate) fn clock<T>(f: impl FnOnce() -> T) -> (T, Times) {
    let (result, meter) = metered(Some(Times::new()), f);
    (result, meter.and_then(|meter| meter.times).unwrap_or_default())
}

fn metered<T>(times: Option<Times>, f: impl FnOnce() -> T) -> (T, Option<Meter>) {
    let before = METER.replace(Some(Meter { part: OTHER, counts: Counts::new(), times }));
    let result = f();
    (result, METER.replace(before))
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

/// Runs the operator `name`, which makes a tensor of `shape`; its time is taken where somebody wants to know it.
pub(super) fn operator<T>(name: &'static str, shape: &Shape, f: impl FnOnce() -> T) -> T {
    if !METER.with_borrow(|meter| meter.as_ref().is_some_and(|meter| meter.times.is_some())) {
        return f();
    }
    let began = Instant::now();
    let result = f();
    let time = began.elapsed();
    METER.with_borrow_mut(|meter| {
        if let Some(Meter { part, counts, times: Some(times) }) = meter {
            let spent = times.entry((part, name, shape.dims().to_vec())).or_default();
            spent.calls += 1;
            spent.time += time;
            // Counted just before it ran.
            spent.multiplies += counts.remove(part).unwrap_or_default();
        }
    });
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
    METER.with_borrow(|meter| meter.as_ref().is_some_and(|meter| meter.times.is_none()))
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

    #[test]
    fn operators_are_timed_where_they_run() {
        let shape = Shape::from((2, 3));
        let ((), times) = clock(|| {
            assert!(!runs(), "a clock does not keep anything from running");
            part("a", || {
                for _ in 0..2 {
                    count(5);
                    operator("wait", &shape, || std::thread::sleep(Duration::from_millis(2)));
                }
            });
            operator("nothing", &shape, || ());
        });
        let waited = times[&("a", "wait", vec![2, 3])];
        assert_eq!((waited.calls, waited.multiplies), (2, 10));
        assert!(waited.time >= Duration::from_millis(4));
        assert_eq!(times[&(OTHER, "nothing", vec![2, 3])].calls, 1);
        assert_eq!(operator("unseen", &shape, || 7), 7);
    }
}
