//! `bridge`: joins two chains around a seam.

use shared::{
    Error, Frames, Join, Layout, Result, Tensor,
    bridge::{Banks, GROWS_ABOVE, Pass},
    log::Line,
    ports::{Bridging, ClipInput, ModelShape, Renderer},
    quality::ClipQuality,
};
use tokio::time::Instant;

use crate::{
    checkpoint, features,
    gate::Made,
    latents::{self, LATENTS, LatentRun},
    segment,
    work::{Work, off_the_runtime, prepare},
};

/// Bridges `seam`: leaves latents of all `frames`, which are the overlap of both chains.
pub(crate) async fn make(work: &Work<'_>, seam: u32, frames: Frames) -> Result<()> {
    let model = work.model().await?;
    let banks = banks(work, seam as usize, frames, &model.shape()).await?;
    let latents = match work.lease.order.cuts.join {
        Join::Blend => banks.blended()?,
        Join::Bridge | Join::Cut => {
            let features = work.read(&prepare(), &features::name(&work.lease.node.id)).await?;
            let (features, shape) = (features::from_bundle(&features)?, model.shape());
            let mut span = Span {
                work,
                first: frames.start,
                features,
                shape,
                how: model.bridging(&work.lease.order.settings),
                renderer: None,
            };
            let latents = span.bridge(&banks).await?;
            if let Some(renderer) = span.renderer {
                work.put_back(renderer);
            }
            latents
        }
    };
    work.keep(LATENTS, &LatentRun { first: frames.start, latents }.to_bytes()?).await
}

/// What both chains made around the seam.
async fn banks(work: &Work<'_>, seam: usize, overlap: Frames, model: &ModelShape) -> Result<Banks> {
    let order = &work.lease.order;
    let layout = Layout::of(order)?;
    let left = side(work, &layout, seam, Banks::before(overlap, model)).await?;
    let right = side(work, &layout, seam + 1, overlap).await?;
    let Some(at) = order.cuts.seams.get(seam) else {
        return Err(Error::order(format!("the film has no seam {seam}")));
    };
    Banks::new(overlap, *at, order.cuts.pinned, model, left, right)
}

/// The latents of one chain in `frames`.
async fn side(work: &Work<'_>, layout: &Layout<'_>, chain: usize, frames: Frames) -> Result<Tensor> {
    let (mut runs, mut next) = (Vec::new(), frames.start);
    for source in layout.side(chain, frames) {
        // Runs that were kept from an earlier film may share frames.
        let wanted = Frames::new(source.frames.start.max(next), source.frames.end);
        if !wanted.is_empty() {
            runs.push(latents::read(work, &source).await?.only(wanted)?.latents);
            next = wanted.end;
        }
    }
    Tensor::join(&runs)
}

/// A bridge in the making.
struct Span<'a> {
    work: &'a Work<'a>,
    /// The frame after the margin of `features`.
    first: u64,
    features: &'a Tensor,
    shape: ModelShape,
    how: Bridging,
    renderer: Option<Box<dyn Renderer>>,
}

impl Span<'_> {
    /// Denoises the middle again and, where the sides still disagree, the whole overlap; the better one of both counts.
    async fn bridge(&mut self, banks: &Banks) -> Result<Tensor> {
        let middle = self.walk("middle", banks.middle()?).await?;
        let mut best = (banks.disagreement(&middle), middle);
        let whole = banks.whole()?;
        if best.0 > GROWS_ABOVE && whole.windows() != best.1.windows() {
            self.note("the sides of the seam disagree; the bridge grows", best.0);
            let whole = self.walk("whole", whole).await?;
            let disagreement = banks.disagreement(&whole);
            if disagreement < best.0 {
                best = (disagreement, whole);
            }
        }
        self.note("the seam is bridged", best.0);
        banks.bridged(&best.1)
    }

    /// Renders the windows of a pass, those left out that an earlier attempt kept.
    async fn walk(&mut self, run: &str, mut pass: Pass) -> Result<Pass> {
        let windows = pass.windows().to_vec();
        let whole = segment::whole(&self.shape);
        let mut kept = checkpoint::resume(self.work, run, windows.iter().copied(), &whole).await?.latents.into_iter();
        for window in windows {
            let latents = match kept.next() {
                Some(latents) => latents,
                None => self.render(run, window, &pass).await?,
            };
            pass.put(window, &latents)?;
        }
        Ok(pass)
    }

    async fn render(&mut self, run: &str, window: Frames, pass: &Pass) -> Result<Tensor> {
        let known = Some(pass.known(window, self.how)?);
        let features = self.features_of(window)?;
        let input = ClipInput {
            frames: window,
            features,
            motion: Some(pass.motion(window)?),
            known,
            take: 0,
            fps: self.work.lease.order.fps,
        };
        let idle = match self.renderer.take() {
            Some(renderer) => renderer,
            None => self.work.renderer().await?,
        };
        let (began, stop) = (Instant::now(), self.work.stop.clone());
        let (used, latents) = off_the_runtime(move || {
            let mut renderer = idle;
            let latents = renderer.render(&input, &mut |_| stop.control())?;
            Ok((renderer, latents.rounded_to_f16()))
        })
        .await?;
        self.renderer = Some(used);
        self.rendered(window, began.elapsed().as_secs_f64());
        segment::check(window, &latents, &self.shape)?;
        // What it hands on is held, and passed the gate in its own chain.
        let made = Made { latents, quality: ClipQuality::default() };
        checkpoint::keep(self.work, run, window.start, &made).await?;
        self.work.progress(0).await?;
        Ok(made.latents)
    }

    fn features_of(&self, window: Frames) -> Result<Tensor> {
        let from = (window.start - self.first) as usize;
        self.features.slice(from, from + window.len() as usize + 2 * self.shape.audio_margin as usize)
    }

    fn rendered(&self, clip: Frames, seconds: f64) {
        metrics::histogram!("emofarm_clip_render_seconds").record(seconds);
        let details = |line: Line| line.with("frames", clip.to_string()).with("seconds", seconds);
        self.work.note("a clip is rendered", details);
    }

    fn note(&self, what: &str, disagreement: f64) {
        tracing::debug!(disagreement, "{what}");
        self.work.note(what, |line: Line| line.with("disagreement", disagreement));
    }
}
