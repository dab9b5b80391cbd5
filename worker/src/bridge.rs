//! `bridge`: joins two chains around a seam.

use shared::{
    Error, Frames, Join, Layout, Result, Tensor,
    bridge::{Banks, Pass, Search, Trial},
    log::Line,
    ports::{Bridging, ClipInput, ModelShape, Renderer},
    quality::{ClipQuality, Quality},
};

use crate::{
    checkpoint::{self, Clips},
    features,
    gate::{Gate, Made},
    latents::{self, LATENTS, LatentRun},
    quality, segment,
    work::{Work, prepare},
};

/// Bridges `seam`: leaves latents of all `frames`, which are the overlap of both chains.
pub(crate) async fn make(work: &Work<'_>, seam: u32, frames: Frames) -> Result<()> {
    let model = work.model().await?;
    let banks = banks(work, seam as usize, frames, &model.shape()).await?;
    let Bridged { latents, measured } = match work.lease.order.cuts.join {
        Join::Blend => Bridged { latents: banks.blended()?, measured: Vec::new() },
        Join::Bridge | Join::Cut => {
            let features = work.read(&prepare(), &features::name(&work.lease.node.id)).await?;
            let (features, shape) = (features::from_bundle(&features)?, model.shape());
            let how = model.bridging(&work.lease.order.settings);
            let gate = Gate::new(work, shape.motion_frames).await?;
            let mut span = Span { work, first: frames.start, features, shape, how, gate, renderer: None };
            let bridged = span.bridge(&banks).await?;
            if let Some(renderer) = span.renderer {
                work.put_back(renderer);
            }
            bridged
        }
    };
    work.keep(LATENTS, &LatentRun { first: frames.start, latents }.to_bytes()?).await?;
    quality::keep(work, measured).await
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
    /// The first frame of the overlap; `features` begin a margin before it.
    first: u64,
    features: &'a Tensor,
    shape: ModelShape,
    how: Bridging,
    gate: Gate<'a>,
    renderer: Option<Box<dyn Renderer>>,
}

/// What was made of a seam.
struct Bridged {
    /// Latents of the overlap.
    latents: Tensor,
    /// What was measured of the clips that count.
    measured: Vec<(Frames, Quality)>,
}

impl Span<'_> {
    /// Tries bridges until nobody sees the seam; what was measured of the clips that count is left for the ledger.
    async fn bridge(&mut self, banks: &Banks) -> Result<Bridged> {
        let mut search = Search::new(banks, self.how)?;
        let mut measured = Vec::new();
        while let Some(Trial { name, pass, bridging }) = search.trial() {
            let (pass, clips) = self.walk(name, pass, bridging).await?;
            let good = !self.gate.is_on() || clips.iter().all(|(_, quality)| quality.faults.is_empty());
            let disagreement = search.put(name, pass, good);
            self.note("a bridge was tried", name, disagreement);
            measured.push((name, clips));
        }
        let (name, disagreement, latents) = search.end()?;
        self.note("the seam is bridged", name, disagreement);
        let counts = measured.into_iter().find(|(tried, _)| *tried == name).map_or_else(Vec::new, |(_, clips)| clips);
        let measured = counts.into_iter().map(|(window, quality)| (window, Quality::Clip(quality))).collect();
        Ok(Bridged { latents, measured })
    }

    /// Renders the windows of a pass, those left out that an earlier attempt kept.
    async fn walk(&mut self, run: &str, mut pass: Pass, how: Bridging) -> Result<(Pass, Vec<(Frames, ClipQuality)>)> {
        let windows = pass.windows().to_vec();
        let whole = segment::whole(&self.shape);
        let Clips { latents, measured } = checkpoint::resume(self.work, run, windows.iter().copied(), &whole).await?;
        let mut kept = latents.into_iter().zip(measured);
        let mut clips = Vec::with_capacity(windows.len());
        for window in windows {
            let Made { latents, quality } = match kept.next() {
                Some((latents, (_, Quality::Clip(quality)))) => Made { latents, quality },
                _ => self.render(run, window, &pass, how).await?,
            };
            pass.put(window, &latents)?;
            clips.push((window, quality));
        }
        Ok((pass, clips))
    }

    async fn render(&mut self, run: &str, window: Frames, pass: &Pass, how: Bridging) -> Result<Made> {
        let known = Some(pass.known(window, how)?);
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
        let shape = &self.shape;
        let (used, made) = self.gate.render(idle, &input, |latents| segment::check(window, latents, shape)).await?;
        self.renderer = Some(used);
        checkpoint::keep(self.work, run, window.start, &made).await?;
        self.work.progress(0).await?;
        Ok(made)
    }

    fn features_of(&self, window: Frames) -> Result<Tensor> {
        let from = (window.start - self.first) as usize;
        self.features.slice(from, from + window.len() as usize + 2 * self.shape.audio_margin as usize)
    }

    fn note(&self, what: &str, how: &str, disagreement: f64) {
        tracing::debug!(how, disagreement, "{what}");
        self.work.note(what, |line: Line| line.with("how", how).with("disagreement", disagreement));
    }
}
