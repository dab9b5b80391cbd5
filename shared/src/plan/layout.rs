//! Which task renders, supplies and encodes which frames: arithmetic on a shape and its cuts.

use super::{Kept, Retake};
use crate::{Cuts, Frames, Join, Order, Result, Shape, TaskId, TaskKind};

/// Where the tasks of a film lie. Made in an instant, so that a worker finds out what it needs without the whole plan.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    shape: Shape,
    cuts: &'a Cuts,
    retake: Option<&'a Retake>,
}

/// Where latents come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A task of the same job.
    Task(TaskKind),
    /// An earlier job, for a film of which only some frames are rendered anew.
    Kept(Kept),
}

/// A run of frames of the film, and where its latents are taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Who made them.
    pub origin: Origin,
    /// The frames that are taken from it.
    pub frames: Frames,
}

impl Source {
    /// The task of the same job that makes them.
    pub fn task(&self) -> Option<TaskId> {
        match &self.origin {
            Origin::Task(kind) => Some(TaskId::of(kind)),
            Origin::Kept(_) => None,
        }
    }
}

impl<'a> Layout<'a> {
    /// The layout of a film.
    ///
    /// # Errors
    /// When the shape holds a zero or more than [`MOST_FRAMES`](super::MOST_FRAMES), or the seams do not leave the frames between
    /// them that overlaps need.
    pub fn new(shape: Shape, cuts: &'a Cuts) -> Result<Self> {
        Self::with(shape, cuts, None)
    }

    /// The layout of the film that is ordered.
    ///
    /// # Errors
    /// As [`Layout::new`]; when a retake does not name everything that it keeps.
    pub fn of(order: &'a Order) -> Result<Self> {
        Self::with(order.shape, &order.cuts, order.retake.as_ref())
    }

    pub(super) fn with(shape: Shape, cuts: &'a Cuts, retake: Option<&'a Retake>) -> Result<Self> {
        shape.check()?;
        cuts.check(&shape)?;
        retake.map_or(Ok(()), |retake| retake.check(cuts, &shape))?;
        Ok(Self { shape, cuts, retake })
    }

    /// Whether a chain is kept from an earlier film.
    pub fn is_kept(&self, chain: usize) -> bool {
        self.retake.is_some_and(|retake| self.owned(chain).meet(retake.frames).is_empty())
    }

    /// The shape that it is made from.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The number of chains; one more than there are seams.
    pub fn chains(&self) -> usize {
        self.cuts.seams.len() + 1
    }

    /// The frames of the film that belong to a chain: from its seam to the next.
    pub fn owned(&self, chain: usize) -> Frames {
        let start = chain.checked_sub(1).map_or(0, |before| self.cuts.seams[before]);
        Frames::new(start, self.cuts.seams.get(chain).copied().unwrap_or(self.shape.frames))
    }

    /// The frames that a chain renders: those that it owns, the overlaps on both sides, and its warm-up. None of a chain that is kept.
    pub fn rendered(&self, chain: usize) -> Frames {
        let Frames { start, end } = self.owned(chain);
        if self.is_kept(chain) {
            return Frames::new(start, start);
        }
        let reach = u64::from(self.cuts.reach);
        let before = if chain == 0 { 0 } else { reach + u64::from(self.cuts.warm_up) };
        let after = if chain + 1 == self.chains() { 0 } else { reach };
        Frames::new(start.saturating_sub(before), end + after)
    }

    /// The frames around a seam that both chains render; empty where the film is simply cut.
    pub fn overlap(&self, seam: usize) -> Frames {
        let (at, reach) = (self.cuts.seams[seam], u64::from(self.cuts.reach));
        Frames::new(at - reach, at + reach)
    }

    /// The segments of a chain, in order.
    pub fn segments(&self, chain: usize) -> impl ExactSizeIterator<Item = TaskKind> + use<> {
        let pieces = self.rendered(chain).pieces(self.shape.segment_frames()).enumerate();
        pieces.map(move |(index, frames)| TaskKind::Segment { chain: chain as u32, index: index as u32, frames })
    }

    /// The segments of a chain that render some of `frames`.
    pub fn segments_of(&self, chain: usize, frames: Frames) -> impl Iterator<Item = TaskKind> + use<> {
        let (all, size) = (self.rendered(chain), self.shape.segment_frames());
        let wanted = all.meet(frames);
        let (from, to) = ((wanted.start - all.start) / size, (wanted.end - all.start).div_ceil(size));
        let count = if wanted.is_empty() { 0 } else { to - from };
        (from..from + count).map(move |index| {
            let start = all.start + index * size;
            let frames = Frames::new(start, (start + size).min(all.end));
            TaskKind::Segment { chain: chain as u32, index: index as u32, frames }
        })
    }

    /// The bridge over a seam; nothing where the film is simply cut.
    pub fn bridge(&self, seam: usize) -> Option<TaskKind> {
        let frames = self.overlap(seam);
        (!frames.is_empty()).then_some(TaskKind::Bridge { seam: seam as u32, frames })
    }

    /// The segments that a bridge reads: all of both chains in the overlap, and before it a clip of the earlier one, where its motion
    /// frames come from.
    pub fn bridged(&self, seam: usize) -> impl Iterator<Item = TaskKind> + use<> {
        let overlap = self.overlap(seam);
        let before = Frames::new(overlap.start.saturating_sub(u64::from(self.shape.clip_frames)), overlap.end);
        self.segments_of(seam, before).chain(self.segments_of(seam + 1, overlap))
    }

    /// The latents of one chain in `frames`, as far as it has them, whoever supplies the film there.
    pub fn side(&self, chain: usize, frames: Frames) -> Vec<Source> {
        if self.is_kept(chain) {
            return self.kept(frames);
        }
        let source = |kind: TaskKind| {
            let run = kind.frames().unwrap_or(Frames::new(0, 0)).meet(frames);
            Source { origin: Origin::Task(kind), frames: run }
        };
        self.segments_of(chain, frames).map(source).collect()
    }

    /// The latents of an earlier film in `frames`.
    fn kept(&self, frames: Frames) -> Vec<Source> {
        let kept = self.retake.into_iter().flat_map(|retake| &retake.latents);
        let source = |kept: &Kept| Source { origin: Origin::Kept(kept.clone()), frames: kept.frames.meet(frames) };
        kept.map(source).filter(|source| !source.frames.is_empty()).collect()
    }

    /// The runs that parts encode, each with its place in the film: of a retake only those that hold changed frames.
    pub fn parts(&self) -> Vec<(u32, Frames)> {
        match self.retake {
            Some(retake) => retake.touched(self.cuts, &self.shape).collect(),
            None => (0..).zip(self.runs()).collect(),
        }
    }

    /// The runs that the film is joined of, in order, whether their parts are encoded or kept.
    pub fn joined(&self) -> Vec<Frames> {
        match self.retake {
            Some(retake) => retake.parts.iter().map(|part| part.frames).collect(),
            None => self.runs().collect(),
        }
    }

    /// The runs that parts of a whole film encode. A chain's parts end with the bridge after it, so that each can be encoded before the next chain is
    /// done; where the film is simply cut, with the first frame after the seam, so that what is over a seam is measured within a part. A film of one
    /// chain has parts of whole segments.
    fn runs(&self) -> impl Iterator<Item = Frames> + use<'_> {
        (0..self.chains()).flat_map(|chain| {
            let Frames { start, end } = self.owned(chain);
            let beyond = u64::from(self.cuts.reach).max(1);
            let from = if chain == 0 { start } else { start + beyond };
            let to = if chain + 1 == self.chains() { end } else { end + beyond };
            let run = Frames::new(from, to);
            if self.cuts.is_one_chain() {
                return run.pieces(self.shape.part_frames()).collect();
            }
            // As many as are needed, of one length but for a frame: none of a few frames only.
            let (len, count) = (run.len(), run.len().div_ceil(self.shape.part_frames()));
            let place = |index: u64| run.start + index * len / count;
            (0..count).map(|index| Frames::new(place(index), place(index + 1))).collect::<Vec<_>>()
        })
    }

    /// The tasks whose latents make up `frames` of the film, in order, without a gap.
    pub fn sources(&self, frames: Frames) -> Vec<Source> {
        let mut sources = Vec::new();
        let mut at = frames.start;
        while at < frames.end.min(self.shape.frames) {
            let source = self.source_at(at);
            let run = source.frames.meet(frames);
            at = run.end;
            sources.push(Source { frames: run, ..source });
        }
        sources
    }

    /// Who supplies frame `at` of the film, and all the frames around it from there.
    fn source_at(&self, at: u64) -> Source {
        let chain = self.cuts.seams.partition_point(|seam| *seam <= at);
        let reach = u64::from(self.cuts.reach);
        let Frames { start, end } = self.owned(chain);
        let from = if chain == 0 { start } else { start + reach };
        let to = if chain + 1 == self.chains() { end } else { end - reach };
        let seam = if at < from { Some(chain - 1) } else { (at >= to).then_some(chain) };
        if let Some(kind) = seam.and_then(|seam| self.bridge(seam)) {
            let frames = kind.frames().unwrap_or(Frames::new(at, at + 1));
            return Source { origin: Origin::Task(kind), frames };
        }
        if let Some(kept) = self.retake.filter(|_| self.is_kept(chain)).and_then(|retake| retake.latents_at(at)) {
            let frames = kept.frames.meet(Frames::new(from, to));
            return Source { origin: Origin::Kept(kept.clone()), frames };
        }
        let (all, size) = (self.rendered(chain), self.shape.segment_frames());
        let index = at.saturating_sub(all.start) / size;
        let first = all.start + index * size;
        let rendered = Frames::new(first, (first + size).min(all.end));
        let kind = TaskKind::Segment { chain: chain as u32, index: index as u32, frames: rendered };
        Source { origin: Origin::Task(kind), frames: rendered.meet(Frames::new(from, to)) }
    }

    /// The frames of the film that count as rendered when a task is done: a frame that several tasks render belongs to its chain.
    pub fn counted(&self, kind: &TaskKind) -> Frames {
        match kind {
            TaskKind::Segment { chain, frames, .. } => frames.meet(self.owned(*chain as usize)),
            _ => Frames::new(0, 0),
        }
    }

    /// Whether bridges are denoised from features; where chains are cross-faded, they are not.
    pub fn denoises_bridges(&self) -> bool {
        self.cuts.join == Join::Bridge
    }

    /// Frames that are rendered in all: those of every chain, the ones that several chains render as often as they are, and a clip for
    /// each bridge.
    pub fn work(&self) -> u64 {
        let chains: u64 = (0..self.chains()).map(|chain| self.rendered(chain).len()).sum();
        let bridges = if self.denoises_bridges() { self.cuts.seams.len() as u64 } else { 0 };
        chains + bridges * u64::from(self.shape.clip_frames)
    }

    /// The task ids that `sources` names, each once.
    pub fn source_ids(&self, frames: Frames) -> Vec<TaskId> {
        let mut ids: Vec<_> = self.sources(frames).iter().filter_map(Source::task).collect();
        ids.dedup();
        ids
    }
}
