//! Failures one after the other, by which a broken worker is known.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use shared::{Error, TaskKey, error::Cause};

/// Different tasks that failed here in a row, by kind.
#[derive(Debug, Default)]
pub(crate) struct Streaks {
    failed: Mutex<BTreeMap<&'static str, Vec<TaskKey>>>,
}

impl Streaks {
    /// A task of `kind` was done: whatever failed before was not the worker.
    pub(crate) fn done(&self, kind: &'static str) {
        self.lock().remove(kind);
    }

    /// A task of `kind` failed. Only what may be the worker's own fault counts: not a wrong order, not a store that is down. With the
    /// `most`-th different task in a row, the reason why the worker should take no more.
    pub(crate) fn failed(&self, kind: &'static str, key: &TaskKey, error: &Error, most: Option<u32>) -> Option<String> {
        if error.cause() != Cause::World {
            return None;
        }
        let most = most? as usize;
        let mut all = self.lock();
        let failed = all.entry(kind).or_default();
        if !failed.contains(key) {
            failed.push(key.clone());
        }
        // The reason is kept with the worker; a streak begins anew when it comes back.
        (failed.len() >= most).then(|| {
            let count = all.remove(kind).map_or(0, |failed| failed.len());
            let why = shared::log::redacted(&error.to_string());
            format!("{count} different tasks of the kind {kind} failed here in a row, the last {key}: {why}")
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Vec<TaskKey>>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::TaskId;

    fn key(task: &str) -> TaskKey {
        TaskKey { job: "a".repeat(32).parse().unwrap(), task: TaskId::from_text(task) }
    }

    #[test]
    fn three_different_tasks_of_a_kind_in_a_row_are_enough() {
        let (streaks, broken) = (Streaks::default(), Error::world("cuda: an illegal memory access"));
        let fail = |kind, task: &str| streaks.failed(kind, &key(task), &broken, Some(3));
        assert_eq!(fail("segment", "a"), None);
        assert_eq!(fail("segment", "a"), None, "the same task again says nothing about the worker");
        assert_eq!(fail("part", "p"), None);
        assert_eq!(fail("segment", "b"), None);
        streaks.done("segment");
        assert_eq!([fail("segment", "a"), fail("segment", "b")], [None, None], "the row was broken");
        let reason = fail("segment", "c").unwrap();
        assert!(
            reason.contains("3 different") && reason.contains("/c") && reason.contains("illegal memory"),
            "{reason}"
        );
        assert_eq!(fail("segment", "d"), None, "who comes back has another three");
    }

    #[test]
    fn others_faults_do_not_count() {
        let streaks = Streaks::default();
        for n in 0..9 {
            let key = key(&n.to_string());
            assert_eq!(streaks.failed("part", &key, &Error::order("x"), Some(3)), None);
            assert_eq!(streaks.failed("part", &key, &Error::unreachable("x"), Some(3)), None);
            assert_eq!(streaks.failed("part", &key, &Error::world("x"), None), None, "no limit");
        }
    }
}
