//! `segment`: renders its clips one after the other, each from the motion frames of the one before.

use shared::{
    Error, Frames, Layout, Result, TaskId, Tensor,
    ports::{ClipInput, ModelShape},
};

use crate::{
    checkpoint::{self, Clips},
    features,
    gate::Gate,
    latents::{HANDOFF, LATENTS, LatentRun},
    quality,
    work::{Work, prepare},
};

/// The run of clips of a segment.
const RUN: &str = "clip";

/// Renders the segment that covers `frames`.
pub(crate) async fn make(work: &Work<'_>, frames: Frames) -> Result<()> {
    let (model, task) = (work.model().await?.shape(), &work.lease.node);
    let bundle = work.read(&prepare(), &features::name(&task.id)).await?;
    let counted = Layout::of(&work.lease.order)?.counted(&task.kind);
    let segment = Segment { frames, counted, features: features::from_bundle(&bundle)?, model: &model };
    let mut clips = checkpoint::resume(work, RUN, segment.clips(), &whole(&model)).await?;
    let kept = clips.latents.len();
    if kept > 0 {
        tracing::info!(clips = kept, "goes on after the clips that an earlier attempt kept");
        work.note("goes on after the clips that an earlier attempt kept", |line| line.with("clips", kept));
        work.progress(segment.done(kept)).await?;
    }
    let (handed, mut gate) = (handed_over(work).await?, Gate::new(work, model.motion_frames).await?);
    gate.goes_on_after(&clips.measured);
    let mut renderer = None;
    for (place, clip) in segment.clips().enumerate().skip(kept) {
        let motion = clips.latents.last().or(handed.as_ref()).map(|before| segment.motion(before)).transpose()?;
        let input = ClipInput {
            frames: clip,
            features: segment.features_of(place)?,
            motion,
            known: None,
            take: 0,
            fps: work.lease.order.fps,
        };
        let idle = match renderer.take() {
            Some(renderer) => renderer,
            None => work.renderer().await?,
        };
        let (used, made) = gate.render(idle, &input, |latents| check(clip, latents, &model)).await?;
        renderer = Some(used);
        checkpoint::keep(work, RUN, clip.start, &made).await?;
        clips.push(clip, made);
        work.progress(segment.done(place + 1)).await?;
    }
    if let Some(renderer) = renderer {
        work.put_back(renderer);
    }
    let Clips { latents: clips, measured } = clips;
    let last = clips.last().ok_or_else(|| Error::order(format!("{} covers no frames", task.id)))?;
    let handoff = LatentRun { first: segment.end() - u64::from(model.motion_frames), latents: segment.motion(last)? };
    let latents = LatentRun { first: frames.start, latents: Tensor::join(&clips)?.slice(0, frames.len() as usize)? };
    work.keep(LATENTS, &latents.to_bytes()?).await?;
    work.keep(HANDOFF, &handoff.to_bytes()?).await?;
    quality::keep(work, measured).await
}

/// The motion frames of the segment before; nothing for the first of its chain.
async fn handed_over(work: &Work<'_>) -> Result<Option<Tensor>> {
    let before: Option<&TaskId> = work.lease.node.needs.iter().find(|need| **need != prepare());
    match before {
        Some(before) => Ok(Some(LatentRun::from_bundle(work.read(before, HANDOFF).await?)?.latents)),
        None => Ok(None),
    }
}

/// A segment's arithmetic.
struct Segment<'a> {
    frames: Frames,
    /// Those that count for the film.
    counted: Frames,
    /// Rows for all clips and the margins on either side.
    features: &'a Tensor,
    model: &'a ModelShape,
}

impl Segment<'_> {
    /// Whole clips; the last may reach beyond the segment, where that is the last of its chain.
    fn clips(&self) -> impl Iterator<Item = Frames> + use<> {
        let clip = u64::from(self.model.clip_frames);
        self.frames.pieces(clip).map(move |piece| Frames::new(piece.start, piece.start + clip))
    }

    /// The frame after the last clip.
    fn end(&self) -> u64 {
        self.clips().last().map_or(self.frames.end, |clip| clip.end)
    }

    /// Frames that `clips` clips cover and that count for the film: overlaps count in the chain that owns them.
    fn done(&self, clips: usize) -> u64 {
        let start = self.frames.start;
        let covered = Frames::new(start, start + clips as u64 * u64::from(self.model.clip_frames));
        covered.meet(self.frames).meet(self.counted).len()
    }

    fn features_of(&self, place: usize) -> Result<Tensor> {
        let (clip, margin) = (self.model.clip_frames as usize, self.model.audio_margin as usize);
        self.features.slice(place * clip, (place + 1) * clip + 2 * margin)
    }

    /// The last rows of what came before.
    fn motion(&self, before: &Tensor) -> Result<Tensor> {
        before.slice(before.rows().saturating_sub(self.model.motion_frames as usize), before.rows())
    }
}

/// The shape of a clip's latents.
pub(crate) fn whole(model: &ModelShape) -> [usize; 4] {
    let [channels, height, width] = model.latent;
    [model.clip_frames as usize, channels, height, width]
}

/// Lets the latents of a clip pass that can be used.
pub(crate) fn check(clip: Frames, latents: &Tensor, model: &ModelShape) -> Result<()> {
    if latents.shape() != whole(model) {
        return Err(Error::world(format!("the clip of frames {clip} came out in shape {:?}", latents.shape())));
    }
    match latents.first_bad_row() {
        None => Ok(()),
        Some(row) => {
            let frame = clip.start + row as u64;
            Err(Error::world(format!("the clip of frames {clip} is broken: frame {frame} is not a number"))
                .mend("try another seed or fewer extremes in the settings")
                .at_most(2))
        }
    }
}
