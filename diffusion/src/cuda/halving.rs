//! What happens when a card's memory is short.

use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{Error, Result};

/// Whether an operator failed for want of memory on a card.
fn is_short(error: &Error) -> bool {
    // CUDA's driver and its libraries each have an error of their own for it, and only their words are the same.
    let text = error.to_string().to_ascii_lowercase();
    ["out_of_memory", "out of memory", "alloc_failed"].iter().any(|words| text.contains(words))
}

/// Does some work in one go as long as memory is not short, and by `apart`, which needs about half of it, from the first time on that it is.
/// `say` is told that once; `short` remembers it.
///
/// # Errors
/// Those of `at_once`, but that memory is short, and those of `apart`.
pub(crate) fn or_apart<T>(
    short: &AtomicBool,
    at_once: impl FnOnce() -> Result<T>,
    apart: impl FnOnce() -> Result<T>,
    say: impl FnOnce(),
) -> Result<T> {
    if !short.load(Ordering::Relaxed) {
        match at_once() {
            Err(error) if is_short(&error) => {
                short.store(true, Ordering::Relaxed);
                say();
            }
            done => return done,
        }
    }
    apart()
}

/// Does the `count` pieces of some work in batches of `most` of them; whenever memory is short, the batch at hand and all after it are halved. `go` does
/// the pieces from one place to another; `say` is told of each new, smaller size.
///
/// # Errors
/// Those of `go`; that memory is short only when a single piece is too large.
pub(crate) fn halving<T>(
    count: usize,
    most: usize,
    mut go: impl FnMut(usize, usize) -> Result<T>,
    mut say: impl FnMut(usize),
) -> Result<Vec<T>> {
    let (mut at, mut size, mut made) = (0, most.max(1), Vec::new());
    while at < count {
        let end = (at + size).min(count);
        match go(at, end) {
            Ok(result) => {
                made.push(result);
                at = end;
            }
            Err(error) if is_short(&error) && end - at > 1 => {
                size = (end - at) / 2;
                say(size);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work that fits `room` pieces.
    fn limited(room: usize, message: &'static str) -> impl FnMut(usize, usize) -> Result<Vec<usize>> {
        move |from, to| if to - from <= room { Ok((from..to).collect()) } else { Err(Error::Msg(message.into())) }
    }

    #[test]
    fn batches_are_halved_until_they_fit_and_nothing_is_left_out() {
        for (room, said) in [(4, vec![]), (3, vec![2]), (2, vec![2]), (1, vec![2, 1])] {
            let mut sizes = Vec::new();
            let made = halving(10, 4, limited(room, "CUDA_ERROR_OUT_OF_MEMORY"), |size| sizes.push(size)).unwrap();
            assert_eq!(made.concat(), (0..10).collect::<Vec<_>>(), "{room}");
            assert_eq!(sizes, said, "{room}");
        }
    }

    #[test]
    fn what_does_not_fit_at_once_is_done_apart_from_then_on() {
        let short = AtomicBool::new(false);
        let (mut tried, mut said) = (0, 0);
        for round in 0..3 {
            let at_once = || {
                tried += 1;
                if round == 0 { Ok(1) } else { Err(Error::Msg("CUDA_ERROR_OUT_OF_MEMORY".into())) }
            };
            let made = or_apart(&short, at_once, || Ok(2), || said += 1).unwrap();
            assert_eq!(made, if round == 0 { 1 } else { 2 });
        }
        assert_eq!((tried, said), (2, 1));
        // Other failures are what they are, and so is memory that is short even then.
        let fails = |message: &'static str| Err::<u8, _>(Error::Msg(message.into()));
        let other = AtomicBool::new(false);
        let found = or_apart(&other, || fails("a shape"), || Ok(2), || unreachable!());
        assert!(found.unwrap_err().to_string().contains("a shape") && !other.load(Ordering::Relaxed));
        let found = or_apart(&short, || Ok(1), || fails("out of memory"), || unreachable!());
        assert!(found.unwrap_err().to_string().contains("out of memory"));
    }

    #[test]
    fn one_piece_that_does_not_fit_fails_with_the_reason() {
        let mut sizes = Vec::new();
        let error = halving(4, 4, limited(0, "CUBLAS_STATUS_ALLOC_FAILED"), |size| sizes.push(size)).unwrap_err();
        assert!(error.to_string().contains("ALLOC_FAILED"));
        assert_eq!(sizes, [2, 1]);
    }

    #[test]
    fn other_errors_are_not_tried_again() {
        let mut calls = 0;
        let result = halving(
            4,
            4,
            |_, _| {
                calls += 1;
                Err::<(), _>(Error::Msg("a kernel cannot be launched".into()))
            },
            |_| {},
        );
        assert!(result.is_err());
        assert_eq!(calls, 1);
    }
}
