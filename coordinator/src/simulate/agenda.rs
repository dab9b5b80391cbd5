//! What happens next.

use std::{cmp::Reverse, collections::BinaryHeap};

use shared::Timestamp;

/// Something that happens at a moment. Events that carry a turn are void once the worker's turn is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A film is ordered.
    Arrive { film: u32 },
    /// A worker has made what it was at.
    Finish { hand: u32, turn: u32 },
    /// A worker is lost.
    Lose { hand: u32 },
    /// A worker begins in this place.
    Join { place: u32 },
    /// A worker hears a ring.
    Hear { hand: u32, turn: u32 },
    /// A worker looks without a ring.
    Look { hand: u32, turn: u32 },
    /// A worker holds its lease for longer.
    Renew { hand: u32, turn: u32 },
    /// A coordinator that was woken releases.
    Round,
    /// A coordinator sweeps by the clock.
    Sweep,
}

/// Events by time; those of one moment in the order in which they were noted.
#[derive(Default)]
pub(super) struct Agenda {
    events: BinaryHeap<Reverse<(Timestamp, u64, Event)>>,
    noted: u64,
}

impl Agenda {
    /// Notes an event.
    pub(super) fn note(&mut self, at: Timestamp, event: Event) {
        self.noted += 1;
        self.events.push(Reverse((at, self.noted, event)));
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Option<(Timestamp, Event)> {
        self.events.pop().map(|Reverse((at, _, event))| (at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_as_they_were_noted() {
        let mut agenda = Agenda::default();
        agenda.note(Timestamp(7), Event::Sweep);
        agenda.note(Timestamp(5), Event::Round);
        agenda.note(Timestamp(5), Event::Arrive { film: 0 });
        let events: Vec<_> = std::iter::from_fn(|| agenda.next()).collect();
        let expected = [(5, Event::Round), (5, Event::Arrive { film: 0 }), (7, Event::Sweep)];
        assert_eq!(events, expected.map(|(at, event)| (Timestamp(at), event)));
    }
}
