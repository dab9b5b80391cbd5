//! How fast this worker is used to make steps, by kind of task: what "stuck" is measured by.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// The usual time between two steps.
#[derive(Debug, Default)]
pub(crate) struct Tempo {
    usual: Mutex<BTreeMap<&'static str, f64>>,
}

/// How much of a shorter time is taken over.
const FALL: f64 = 0.1;

impl Tempo {
    /// Steps of `kind` were `ms` milliseconds apart. Slower counts at once, faster little by little: a worker that is called stuck
    /// wrongly does more harm than one that is found stuck later.
    pub(crate) fn note(&self, kind: &'static str, ms: f64) {
        let mut usual = self.usual.lock().unwrap_or_else(PoisonError::into_inner);
        let known = usual.entry(kind).or_insert(ms);
        *known = if ms > *known { ms } else { *known + (ms - *known) * FALL };
    }

    /// The usual milliseconds between two steps of `kind`; 0 when not known yet.
    pub(crate) fn usual_ms(&self, kind: &'static str) -> u64 {
        let usual = self.usual.lock().unwrap_or_else(PoisonError::into_inner);
        usual.get(kind).map_or(0, |ms| ms.ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slower_counts_at_once_and_faster_little_by_little() {
        let tempo = Tempo::default();
        assert_eq!(tempo.usual_ms("segment"), 0);
        tempo.note("segment", 100.0);
        tempo.note("segment", 400.0);
        assert_eq!(tempo.usual_ms("segment"), 400);
        tempo.note("segment", 100.0);
        assert_eq!(tempo.usual_ms("segment"), 370);
        (0..100).for_each(|_| tempo.note("segment", 100.0));
        assert_eq!((tempo.usual_ms("segment"), tempo.usual_ms("part")), (101, 0));
    }
}
