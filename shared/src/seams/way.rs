//! The cheapest way from seam to seam.

use super::{Seam, places::Place};

/// A place with the cheapest way to it.
struct Stop {
    seam: Seam,
    /// What it costs together with all before it.
    cost: f64,
    /// Which place of the seam before it is on that way.
    from: usize,
}

/// One place for each seam, at least `closest` frames from one to the next, so that all together cost the least; of ways that cost
/// the same, the one whose frames come first. The wanted frames themselves are far enough apart, so that there always is a way.
pub(super) fn best(seams: impl Iterator<Item = (u64, Vec<Place>)>, closest: u64) -> Vec<Seam> {
    let mut stops: Vec<Vec<Stop>> = Vec::new();
    for (wanted, places) in seams {
        let here: Vec<Stop> = match stops.last() {
            None => places.into_iter().map(|place| Stop { seam: place.seam, cost: place.cost, from: 0 }).collect(),
            Some(before) => continued(before, places, closest),
        };
        debug_assert!(here.iter().any(|stop| stop.seam.frame == wanted), "the wanted frame is always on some way");
        stops.push(here);
    }
    let mut way = Vec::with_capacity(stops.len());
    let mut at = stops.last().map_or(0, |last| cheapest(last));
    for here in stops.iter().rev() {
        way.push(here[at].seam);
        at = here[at].from;
    }
    way.reverse();
    way
}

/// Both are ascending, so that the cheapest stop that lies far enough before a place is found in one walk over both.
fn continued(before: &[Stop], places: Vec<Place>, closest: u64) -> Vec<Stop> {
    let (mut reached, mut cheapest) = (0, None::<usize>);
    let mut here = Vec::with_capacity(places.len());
    for place in places {
        while reached < before.len() && before[reached].seam.frame + closest <= place.seam.frame {
            if cheapest.is_none_or(|best| before[reached].cost < before[best].cost) {
                cheapest = Some(reached);
            }
            reached += 1;
        }
        // Nothing lies far enough before this place: it is on no way.
        let Some(from) = cheapest else { continue };
        here.push(Stop { seam: place.seam, cost: before[from].cost + place.cost, from });
    }
    here
}

fn cheapest(stops: &[Stop]) -> usize {
    let mut best = 0;
    for (at, stop) in stops.iter().enumerate() {
        if stop.cost < stops[best].cost {
            best = at;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::Why;

    /// The least cost of any way, by trying all.
    fn least(seams: &[(u64, Vec<Place>)], after: u64, closest: u64) -> f64 {
        let Some(((_, places), rest)) = seams.split_first() else { return 0.0 };
        let fitting = places.iter().filter(|place| place.seam.frame >= after);
        fitting.map(|place| place.cost + least(rest, place.seam.frame + closest, closest)).fold(f64::MAX, f64::min)
    }

    #[test]
    fn the_way_is_the_cheapest_of_all() {
        let mut state = 1_u64;
        let mut number = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for case in 0..500 {
            let closest = 6 + case % 5;
            let seams: Vec<(u64, Vec<Place>)> = (1..6)
                .map(|seam| {
                    let wanted = seam * 10;
                    let mut frames: Vec<u64> = (0..5).map(|_| wanted - 4 + number(9)).chain([wanted]).collect();
                    frames.sort_unstable();
                    frames.dedup();
                    let place =
                        |frame| Place { seam: Seam { frame, wanted, why: Why::Even }, cost: number(100) as f64 };
                    (wanted, frames.into_iter().map(place).collect())
                })
                .collect();
            let way = best(seams.iter().cloned(), closest);
            assert!(way.windows(2).all(|pair| pair[0].frame + closest <= pair[1].frame), "{way:?}");
            let cost_of = |(seam, (_, places)): (&Seam, &(u64, Vec<Place>))| {
                places.iter().find(|place| place.seam.frame == seam.frame).unwrap().cost
            };
            let cost: f64 = way.iter().zip(&seams).map(cost_of).sum();
            assert_eq!((way.len(), cost.to_bits()), (5, least(&seams, 0, closest).to_bits()), "case {case}");
        }
        assert_eq!(best(std::iter::empty(), 10), []);
    }
}
