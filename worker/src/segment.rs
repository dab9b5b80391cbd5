//! `segment`: renders its clips one after the other, each from the motion frames of the one before.

use shared::{
    Error, Frames, Result, TaskId, Tensor,
    log::Line,
    ports::{ClipInput, ModelShape, Renderer},
};
use tokio::time::Instant;

use crate::{
    checkpoint, features,
    latents::{HANDOFF, LATENTS, LatentRun},
    stop::Stop,
    work::{Work, off_the_runtime, prepare},
};

/// Renders segment `index`, which covers `frames`.
pub(crate) async fn make(work: &Work<'_>, index: u32, frames: Frames) -> Result<()> {
    let model = work.model().await?.shape();
    let bundle = work.read(&prepare(), &features::name(index)).await?;
    let segment = Segment { frames, features: features::from_bundle(&bundle)?, model: &model };
    let mut clips = checkpoint::resume(work, segment.clips(), &segment.whole()).await?;
    if !clips.is_empty() {
        tracing::info!(clips = clips.len(), "goes on after the clips that an earlier attempt kept");
        work.note("goes on after the clips that an earlier attempt kept", |line| line.with("clips", clips.len()));
        work.progress(segment.done(clips.len())).await?;
    }
    let handed = handed_over(work).await?;
    let mut renderer = None;
    for (place, clip) in segment.clips().enumerate().skip(clips.len()) {
        let motion = clips.last().or(handed.as_ref()).map(|before| segment.motion(before)).transpose()?;
        let input = ClipInput { frames: clip, features: segment.features_of(place)?, motion, known: None, take: 0 };
        let idle = match renderer.take() {
            Some(renderer) => renderer,
            None => work.renderer().await?,
        };
        let began = Instant::now();
        let (used, latents) = render(idle, input, work.stop.clone()).await?;
        rendered(work, clip, began.elapsed().as_secs_f64());
        renderer = Some(used);
        segment.check(clip, &latents)?;
        checkpoint::keep(work, clip.start, &latents).await?;
        clips.push(latents);
        work.progress(segment.done(clips.len())).await?;
    }
    if let Some(renderer) = renderer {
        work.put_back(renderer);
    }
    let last = clips.last().ok_or_else(|| Error::order(format!("segment {index} covers no frames")))?;
    let handoff = LatentRun { first: segment.end() - u64::from(model.motion_frames), latents: segment.motion(last)? };
    let latents = LatentRun { first: frames.start, latents: Tensor::join(&clips)?.slice(0, frames.len() as usize)? };
    work.keep(LATENTS, &latents.to_bytes()?).await?;
    work.keep(HANDOFF, &handoff.to_bytes()?).await
}

/// The motion frames of the segment before; nothing for the first of its chain.
async fn handed_over(work: &Work<'_>) -> Result<Option<Tensor>> {
    let before: Option<&TaskId> = work.lease.node.needs.iter().find(|need| **need != prepare());
    match before {
        Some(before) => Ok(Some(LatentRun::from_bundle(work.read(before, HANDOFF).await?)?.latents)),
        None => Ok(None),
    }
}

fn rendered(work: &Work<'_>, clip: Frames, seconds: f64) {
    metrics::histogram!("emofarm_clip_render_seconds").record(seconds);
    let details = |line: Line| line.with("frames", clip.to_string()).with("seconds", seconds);
    work.note("a clip is rendered", details);
}

async fn render(mut renderer: Box<dyn Renderer>, input: ClipInput, stop: Stop) -> Result<(Box<dyn Renderer>, Tensor)> {
    off_the_runtime(move || {
        let latents = renderer.render(&input, &mut |_| stop.control())?;
        // What the next clip starts from must be what the blob store gives back.
        Ok((renderer, latents.rounded_to_f16()))
    })
    .await
}

/// A segment's arithmetic.
struct Segment<'a> {
    frames: Frames,
    /// Rows for all clips and the margins on either side.
    features: &'a Tensor,
    model: &'a ModelShape,
}

impl Segment<'_> {
    /// Whole clips; the last may reach beyond the segment, where that is the film's last.
    fn clips(&self) -> impl Iterator<Item = Frames> + use<> {
        let clip = u64::from(self.model.clip_frames);
        self.frames.pieces(clip).map(move |piece| Frames::new(piece.start, piece.start + clip))
    }

    /// The frame after the last clip.
    fn end(&self) -> u64 {
        self.clips().last().map_or(self.frames.end, |clip| clip.end)
    }

    /// The shape of a clip's latents.
    fn whole(&self) -> [usize; 4] {
        let [channels, height, width] = self.model.latent;
        [self.model.clip_frames as usize, channels, height, width]
    }

    /// Frames of the segment that `clips` clips cover.
    fn done(&self, clips: usize) -> u64 {
        (clips as u64 * u64::from(self.model.clip_frames)).min(self.frames.len())
    }

    fn features_of(&self, place: usize) -> Result<Tensor> {
        let (clip, margin) = (self.model.clip_frames as usize, self.model.audio_margin as usize);
        self.features.slice(place * clip, (place + 1) * clip + 2 * margin)
    }

    /// The last rows of what came before.
    fn motion(&self, before: &Tensor) -> Result<Tensor> {
        before.slice(before.rows().saturating_sub(self.model.motion_frames as usize), before.rows())
    }

    fn check(&self, clip: Frames, latents: &Tensor) -> Result<()> {
        if latents.shape() != self.whole() {
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
}
