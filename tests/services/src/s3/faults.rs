//! Bad weather: calls that fail, answers that are lost, downloads that are cut.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::{Context, Poll, ready},
};

use hyper::{
    StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
};
use s3s::{HttpError, HttpResponse, StdError};

/// What goes wrong, and how often. The same calls in the same order fail the same way with the same seed.
#[derive(Debug, Default)]
pub struct Weather {
    seed: AtomicU64,
    /// Shares of 1,000,000.
    fail: AtomicU64,
    cut: AtomicU64,
    calls: AtomicU64,
    failed: AtomicU64,
    unconditional: AtomicBool,
    no_trailers: AtomicBool,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Fine,
    /// An answer of the server, with status and code.
    Refused(u16, &'static str),
    /// The connection breaks and nothing is done.
    Lost,
    /// The work is done, and the connection breaks instead of the answer.
    AnswerLost,
    /// The answer ends in the midst of its body.
    Cut,
}

impl Weather {
    /// Chooses which calls fail, and begins to count anew.
    pub fn seed(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
        self.calls.store(0, Ordering::Relaxed);
    }

    /// The share of calls that fail, from 0 to 1.
    pub fn fail_share(&self, share: f64) {
        self.fail.store((share * 1e6) as u64, Ordering::Relaxed);
    }

    /// The share of answers that are cut in the midst of their body, from 0 to 1; empty bodies cannot be cut.
    pub fn cut_share(&self, share: f64) {
        self.cut.store((share * 1e6) as u64, Ordering::Relaxed);
    }

    /// Makes the server ignore `If-None-Match` and overwrite, as Garage 2.5 does.
    pub fn ignore_conditions(&self) {
        self.unconditional.store(true, Ordering::Relaxed);
    }

    /// Makes the server refuse checksums that follow the body, as Garage 2.5 does.
    pub fn refuse_trailers(&self) {
        self.no_trailers.store(true, Ordering::Relaxed);
    }

    pub(super) fn ignores_conditions(&self) -> bool {
        self.unconditional.load(Ordering::Relaxed)
    }

    pub(super) fn refuses_trailers(&self) -> bool {
        self.no_trailers.load(Ordering::Relaxed)
    }

    /// Calls that failed or were cut so far.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn next(&self) -> Fate {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let chance = spread(self.seed.load(Ordering::Relaxed).wrapping_mul(0x9E37_79B9).wrapping_add(call));
        let (fail, cut) = (self.fail.load(Ordering::Relaxed), self.cut.load(Ordering::Relaxed));
        let fate = match chance % 1_000_000 {
            share if share < fail => match (chance >> 40) % 4 {
                0 => Fate::Refused(500, "InternalError"),
                1 => Fate::Refused(503, "SlowDown"),
                2 => Fate::Lost,
                _ => Fate::AnswerLost,
            },
            share if share < fail + cut => Fate::Cut,
            _ => Fate::Fine,
        };
        if fate != Fate::Fine {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        fate
    }
}

/// `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014).
fn spread(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The answer of a server that refuses.
pub(super) fn refusal(status: u16, code: &str) -> HttpResponse {
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>bad weather</Message></Error>");
    let mut answer = HttpResponse::new(s3s::Body::from(text));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

/// The error that makes hyper break the connection.
pub(super) fn broken() -> HttpError {
    HttpError::new("bad weather".into())
}

/// A body that may break off before its end.
pub(super) struct Cuttable {
    inner: s3s::Body,
    left: u64,
    paused: bool,
}

impl Cuttable {
    pub(super) fn whole(inner: s3s::Body) -> Self {
        Self { inner, left: u64::MAX, paused: false }
    }

    /// Ends after `left` bytes.
    pub(super) fn cut(inner: s3s::Body, left: u64) -> Self {
        Self { inner, left, paused: false }
    }
}

impl Body for Cuttable {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.left == 0 && !self.paused {
            // What was said so far leaves the server first.
            self.paused = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.left == 0 {
            return Poll::Ready(Some(Err("bad weather".into())));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
        let Ok(mut data) = frame.into_data() else { return Poll::Ready(None) };
        data.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        if self.left != u64::MAX {
            self.left -= data.len() as u64;
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weather_is_what_was_asked_for_and_the_same_for_the_same_seed() {
        let fates = |seed| {
            let weather = Weather::default();
            weather.seed(seed);
            weather.fail_share(0.2);
            weather.cut_share(0.1);
            (0..10_000).map(|_| weather.next()).collect::<Vec<_>>()
        };
        let first = fates(1);
        let share = |wanted: fn(&Fate) -> bool| first.iter().filter(|fate| wanted(fate)).count();
        assert!((6_800..7_200).contains(&share(|fate| *fate == Fate::Fine)));
        assert!((900..1_100).contains(&share(|fate| *fate == Fate::Cut)));
        assert!(share(|fate| *fate == Fate::Lost) > 300 && share(|fate| *fate == Fate::AnswerLost) > 300);
        assert_eq!(first, fates(1));
        assert_ne!(first, fates(2));
    }
}
