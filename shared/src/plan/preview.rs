//! What of a film is rendered first, to be looked at before the rest is.

use std::{collections::BTreeSet, fmt, str::FromStr};

use super::Plan;
use crate::{Error, Result, TaskId, TaskKind};

/// Which places of a film are looked at first. Each is the first part of a chain: what it needs is the start of that chain alone, and
/// nothing that is rendered for it is rendered again. A film of one chain has one such place, its beginning.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Preview {
    /// The chains that hold these places.
    Places(BTreeSet<Place>),
    /// The first chain, and every `n`-th after it.
    Every(u32),
}

/// A place in a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The first frame.
    First,
    /// The frame in the middle.
    Middle,
    /// The last frame.
    Last,
}

impl Place {
    const ALL: [(Self, &'static str); 3] = [(Self::First, "first"), (Self::Middle, "middle"), (Self::Last, "last")];

    fn frame(self, frames: u64) -> u64 {
        match self {
            Self::First => 0,
            Self::Middle => frames / 2,
            Self::Last => frames - 1,
        }
    }
}

impl FromStr for Preview {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::order(format!("\"{text}\" names no places of a film"))
                .mend("give first, middle and last, joined by commas, or every:N")
        };
        if let Some(number) = text.strip_prefix("every:") {
            return number.parse().ok().filter(|n| *n > 0).map(Self::Every).ok_or_else(wrong);
        }
        let place = |name: &str| Place::ALL.into_iter().find(|(_, known)| *known == name).map(|(place, _)| place);
        text.split(',').map(place).collect::<Option<BTreeSet<_>>>().map(Self::Places).ok_or_else(wrong)
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(n) => write!(f, "every:{n}"),
            Self::Places(places) => {
                let names = Place::ALL.into_iter().filter(|(place, _)| places.contains(place)).map(|(_, name)| name);
                f.write_str(&names.collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl TryFrom<String> for Preview {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Preview> for String {
    fn from(preview: Preview) -> Self {
        preview.to_string()
    }
}

impl Plan {
    /// The parts that a preview shows, in the order of the film.
    ///
    /// # Errors
    /// As [`Layout::of`](super::Layout::of).
    pub fn shown(&self, preview: &Preview) -> Result<Vec<TaskId>> {
        let layout = self.layout()?;
        let chain_at = |frame: u64| self.cuts.seams.partition_point(|seam| *seam <= frame);
        let chains: BTreeSet<usize> = match preview {
            Preview::Places(places) => places.iter().map(|place| chain_at(place.frame(self.shape.frames))).collect(),
            Preview::Every(n) => (0..layout.chains()).step_by(*n as usize).collect(),
        };
        let parts = self.tasks.iter().filter_map(|node| match &node.kind {
            TaskKind::Part { frames, .. } => Some((*frames, &node.id)),
            _ => None,
        });
        // Of a retake, only what changes has parts: a place that is kept need not be looked at.
        let reach = u64::from(self.cuts.reach);
        let mut wanted = chains.into_iter().map(|chain| match layout.owned(chain).start {
            0 => 0,
            seam => seam + reach,
        });
        let mut next = wanted.next();
        let (mut shown, mut last) = (Vec::new(), None);
        for (frames, id) in parts {
            last = Some(id);
            while next.is_some_and(|start| start < frames.start) {
                next = wanted.next();
            }
            if next.is_some_and(|start| frames.contains(start)) {
                shown.push(id.clone());
                next = wanted.next();
            }
        }
        // A last chain that ends with the overlap has no part of its own.
        shown.extend(last.filter(|last| next.is_some() && shown.last() != Some(*last)).cloned());
        Ok(shown)
    }

    /// Every task that the parts in `shown` need, and those themselves, in the order of the plan.
    pub fn needed_for(&self, shown: &[TaskId]) -> Vec<TaskId> {
        let mut needed: BTreeSet<&TaskId> = shown.iter().collect();
        // Needs stand before a task: walking backwards, everything that needs a task was seen.
        for node in self.tasks.iter().rev() {
            if needed.contains(&node.id) {
                needed.extend(&node.needs);
            }
        }
        self.tasks.iter().map(|node| &node.id).filter(|id| needed.contains(id)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cuts, Join, Shape};

    fn plan(seams: Vec<u64>) -> Plan {
        let shape = Shape { frames: 2000, clip_frames: 12, segment_clips: 2, part_segments: 2 };
        Plan::cut(shape, &Cuts::at(seams, Join::Bridge, 12)).unwrap()
    }

    fn needed(plan: &Plan, text: &str) -> Vec<String> {
        let shown = plan.shown(&text.parse().unwrap()).unwrap();
        plan.needed_for(&shown).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_place_needs_the_start_of_its_chain_alone() {
        let plan = plan((1..8).map(|seam| seam * 250).collect());
        let middle = needed(&plan, "middle");
        // Chain 4 owns frame 1000 and renders from 976 on; its first part begins behind the overlap, at 1012.
        assert_eq!(middle.first().map(String::as_str), Some("prepare"));
        assert!(
            middle.iter().filter(|id| id.starts_with("segment")).all(|id| id.starts_with("segment-4-")),
            "{middle:?}"
        );
        assert_eq!(middle.iter().filter(|id| id.starts_with("part")).count(), 1);
        let all = needed(&plan, "first,middle,last");
        assert_eq!(all.iter().filter(|id| id.starts_with("part")).count(), 3);
        assert!(all.len() < plan.tasks.len() / 3, "{} of {} tasks", all.len(), plan.tasks.len());
        assert_eq!(needed(&plan, "every:3").iter().filter(|id| id.starts_with("part")).count(), 3);
        assert!(needed(&plan, "every:1").iter().filter(|id| id.starts_with("part")).count() == 8);
        assert!(!all.contains(&"film".to_owned()));
    }

    #[test]
    fn every_need_of_a_preview_is_in_it() {
        for seams in [vec![], vec![700], (1..20).map(|seam| seam * 99).collect()] {
            let plan = plan(seams);
            for text in ["first", "last", "first,middle,last", "every:1", "every:7"] {
                let ids = plan.needed_for(&plan.shown(&text.parse().unwrap()).unwrap());
                assert!(!ids.is_empty());
                for id in &ids {
                    let node = plan.task(id).unwrap();
                    assert!(node.needs.iter().all(|need| ids.contains(need)), "{id} of {text}");
                }
            }
        }
    }

    #[test]
    fn a_last_chain_without_a_part_is_seen_in_the_one_before() {
        let plan = plan(vec![1000, 1988]);
        let shown = plan.shown(&"last".parse().unwrap()).unwrap();
        let last = plan.tasks.iter().rev().find(|node| matches!(node.kind, TaskKind::Part { .. }));
        assert_eq!(shown, [last.unwrap().id.clone()]);
    }

    #[test]
    fn a_film_of_one_chain_shows_its_beginning() {
        let plan = plan(vec![]);
        for text in ["first", "middle", "last", "first,middle,last", "every:2"] {
            let shown = plan.shown(&text.parse().unwrap()).unwrap();
            assert_eq!(shown.iter().map(TaskId::as_str).collect::<Vec<_>>(), ["part-00000"], "{text}");
        }
    }

    #[test]
    fn places_are_written_as_they_are_read() {
        for (text, same) in [("last,first,first", "first,last"), ("every:3", "every:3"), ("middle", "middle")] {
            assert_eq!(text.parse::<Preview>().unwrap().to_string(), same);
        }
        for wrong in ["", "end", "first,", "every:0", "every:-1", "every:", "every:x"] {
            assert!(wrong.parse::<Preview>().is_err(), "{wrong}");
        }
    }
}
