//! A film of which some frames are rendered anew and the rest is kept.

use crate::{Cuts, Error, Frames, JobId, Join, Result, Shape, ports::BlobKey};

/// Something that an earlier job made and that is used as it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The frames of the film that are taken from it.
    pub frames: Frames,
    /// Where it lies: a run of latents, or a part.
    pub blob: BlobKey,
}

/// Which frames of an earlier film are rendered anew, and where the rest of it lies. It names every blob itself, so that a retake of a
/// retake reads no further back than one of a first film.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retake {
    /// The job whose film is changed.
    pub base: JobId,
    /// The frames that are rendered anew, from seam to seam.
    pub frames: Frames,
    /// Latents of the earlier film around them, ascending and without a gap but for `frames`.
    pub latents: Vec<Kept>,
    /// All parts of the earlier film, in order. Those that hold a changed frame are encoded anew.
    pub parts: Vec<Kept>,
}

impl Retake {
    /// The frames that a retake of `asked` renders anew in a film of this shape: at least those, and more where the film's ends or the
    /// overlaps at both seams need it.
    ///
    /// # Errors
    /// When no frame of the film is asked for, or so many that nothing would be kept.
    pub fn reach(asked: Frames, shape: &Shape) -> Result<Frames> {
        let film = Frames::new(0, shape.frames);
        if asked.meet(film) != asked || asked.is_empty() {
            return Err(Error::order(format!("frames {asked} are not in a film of {} frames", shape.frames))
                .mend("give a range within the film, such as 00:00:04:00-00:00:08:00"));
        }
        let usual = Cuts::at(vec![1], Join::Bridge, shape.clip_frames);
        let (Frames { mut start, mut end }, least) = (asked, usual.closest(shape));
        // A range too short for two overlaps grows to both sides.
        let missing = least.saturating_sub(asked.len());
        start = start.saturating_sub(missing.div_ceil(2));
        end = (end + missing / 2).min(shape.frames);
        if start < usual.earliest(shape) {
            start = 0;
        }
        if end + usual.tail() > shape.frames {
            end = shape.frames;
        }
        if Frames::new(start, end) == film {
            return Err(Error::order(format!(
                "a retake of frames {asked} leaves nothing of a film of {} frames",
                shape.frames
            ))
            .mend("order the film anew, with another seed or track"));
        }
        Ok(Frames::new(start, end))
    }

    /// The seams at both ends of `frames`, as far as they lie within the film.
    pub fn cuts(frames: Frames, shape: &Shape, join: Join) -> Cuts {
        let seams = [frames.start, frames.end].into_iter().filter(|seam| *seam > 0 && *seam < shape.frames);
        Cuts::at(seams.collect(), join, shape.clip_frames)
    }

    /// The frames that may look different afterwards: those that are rendered anew and the overlaps at both seams.
    pub fn changed(&self, cuts: &Cuts, shape: &Shape) -> Frames {
        let reach = u64::from(cuts.reach);
        let Frames { start, end } = self.frames;
        let start = if start == 0 { 0 } else { start.saturating_sub(reach) };
        Frames::new(start, if end == shape.frames { end } else { (end + reach).min(shape.frames) })
    }

    /// The parts that are encoded anew: their place in the film, and their frames.
    pub fn touched(&self, cuts: &Cuts, shape: &Shape) -> impl Iterator<Item = (u32, Frames)> {
        let changed = self.changed(cuts, shape);
        let parts = (0_u32..).zip(&self.parts).map(|(index, part)| (index, part.frames));
        parts.filter(move |(_, frames)| !frames.meet(changed).is_empty())
    }

    /// The latents that must be kept for a retake of `frames`: of every part that is encoded anew, and a clip before each overlap, which a
    /// bridge takes its motion frames from.
    pub fn needed(parts: &[Frames], frames: Frames, cuts: &Cuts, shape: &Shape) -> Frames {
        let (reach, lead) = (u64::from(cuts.reach), u64::from(shape.clip_frames));
        let changed = Frames::new(frames.start.saturating_sub(reach), (frames.end + reach).min(shape.frames));
        let touched = || parts.iter().filter(|part| !part.meet(changed).is_empty());
        let start = touched().map(|part| part.start).min().unwrap_or(changed.start);
        let end = touched().map(|part| part.end).max().unwrap_or(changed.end);
        Frames::new(start.min(changed.start.saturating_sub(lead)), end)
    }

    /// The frames in the middle of `frames` of whose earlier latents nothing is read: a bridge reads both of its sides in the whole overlap.
    pub fn forgotten(frames: Frames, cuts: &Cuts, shape: &Shape) -> Frames {
        let reach = u64::from(cuts.reach);
        let Frames { start, end } = frames;
        Frames::new(
            if start == 0 { 0 } else { start + reach },
            if end == shape.frames { end } else { end.saturating_sub(reach) },
        )
    }

    pub(super) fn check(&self, cuts: &Cuts, shape: &Shape) -> Result<()> {
        let wrong =
            |what: String| Err(Error::order(format!("the retake of job {} cannot be planned: {what}", self.base)));
        let ends: Vec<_> =
            [self.frames.start, self.frames.end].into_iter().filter(|end| *end > 0 && *end < shape.frames).collect();
        if ends.is_empty() || cuts.seams != ends || self.frames.is_empty() {
            return wrong(format!("frames {} do not lie between the seams {:?}", self.frames, cuts.seams));
        }
        let mut next = 0;
        for part in &self.parts {
            if part.frames.start != next || part.frames.is_empty() {
                return wrong(format!("a part covers frames {}, but frame {next} is next", part.frames));
            }
            next = part.frames.end;
        }
        if next != shape.frames {
            return wrong(format!("its parts end at frame {next} of {}", shape.frames));
        }
        let parts: Vec<_> = self.parts.iter().map(|part| part.frames).collect();
        let needed = Self::needed(&parts, self.frames, cuts, shape);
        let inner = Self::forgotten(self.frames, cuts, shape);
        let missing = [Frames::new(needed.start, inner.start), Frames::new(inner.end, needed.end)]
            .into_iter()
            .find_map(|run| self.gap(run));
        match missing {
            Some(frame) => wrong(format!("nothing is kept of frame {frame}")),
            None => Ok(()),
        }
    }

    /// The first frame of `run` that no kept latents hold.
    fn gap(&self, run: Frames) -> Option<u64> {
        let mut next = run.start;
        for kept in &self.latents {
            if kept.frames.contains(next) {
                next = kept.frames.end;
            }
        }
        (next < run.end).then_some(next)
    }

    /// The kept latents that hold frame `at`.
    pub(super) fn latents_at(&self, at: u64) -> Option<&Kept> {
        self.latents.iter().find(|kept| kept.frames.contains(at))
    }
}
