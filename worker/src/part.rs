//! `part`: decodes a run of latents and encodes the pictures as one file.

use std::path::PathBuf;

use media::film::{PartSpec, PartWriter, Preset};
use shared::{
    Error, Frames, Layout, Order, Result,
    ports::{Renderer, blobs::PART},
    quality::{Inspector, Quality},
};
use tokio::sync::mpsc;

use crate::{
    latents::{self, LatentRun},
    quality::{self, Basis},
    stop::Stop,
    work::Work,
};

/// Frames decoded at a time: few, since pictures are large and latents are small.
const BATCH: usize = 8;

/// Encodes the part that covers `frames`.
pub(crate) async fn make(work: &Work<'_>, frames: Frames) -> Result<()> {
    let (send, receive) = mpsc::channel(1);
    let inspector = Basis::of(work).await?.inspector(frames, &work.lease.order);
    let encoder = Encoder {
        file: work.scratch().join(PART),
        spec: spec(&work.lease.order, work.model().await?.shape().image_size),
        frames,
        stop: work.stop.clone(),
    };
    let file = encoder.file.clone();
    let renderer = work.renderer().await?;
    let encoding = work.compute(move || encoder.run(renderer, inspector, receive));
    let (encoded, sent) = tokio::join!(encoding, send_latents(work, frames, send));
    // An encoder that failed stops the sending; a sending that failed leaves the encoder short of frames.
    sent?;
    let (renderer, measured) = encoded?;
    work.put_back(renderer);
    work.progress(frames.len()).await?;
    work.keep_file(PART, &file).await?;
    quality::keep(work, measured).await
}

/// What is left when a part is encoded: the renderer, and what was measured of its pictures.
type Encoded = (Box<dyn Renderer>, Vec<(Frames, Quality)>);

/// All parts of a job are encoded alike.
fn spec(order: &Order, image_size: u32) -> PartSpec {
    let edge = order.settings.size.unwrap_or(image_size);
    // The effort that keeps a stitcher ahead of the renderers; quality is set by the rate factor.
    PartSpec { preset: Preset::Veryfast, ..PartSpec::new(edge, edge, order.fps) }
}

/// Reads the latents of the part's segments and bridges one after the other; one waits while another is encoded.
async fn send_latents(work: &Work<'_>, frames: Frames, send: mpsc::Sender<LatentRun>) -> Result<()> {
    for source in Layout::of(&work.lease.order)?.sources(frames) {
        if send.send(latents::read(work, &source).await?).await.is_err() {
            // The encoder ended early and says why.
            return Ok(());
        }
    }
    Ok(())
}

/// Latents to file, on one thread.
struct Encoder {
    file: PathBuf,
    spec: PartSpec,
    frames: Frames,
    stop: Stop,
}

impl Encoder {
    fn run(
        &self,
        mut renderer: Box<dyn Renderer>,
        mut inspector: Inspector,
        mut runs: mpsc::Receiver<LatentRun>,
    ) -> Result<Encoded> {
        let mut writer = PartWriter::create(&self.file, self.spec)?;
        let mut next = self.frames.start;
        while let Some(run) = runs.blocking_recv() {
            if run.first != next {
                return Err(Error::world(format!(
                    "latents of frames {} came where frame {next} is next",
                    run.frames()
                )));
            }
            for batch in run.frames().pieces(BATCH as u64) {
                self.stop.step()?;
                let pictures = renderer.decode(&run.only(batch)?.latents, batch.start)?;
                if pictures.len() as u64 != batch.len() {
                    return Err(Error::world(format!("frames {batch} were decoded to {} pictures", pictures.len())));
                }
                // What is judged is what the network drew.
                let shown = renderer.show(&pictures, batch.start, self.spec.fps)?;
                if let Some(shown) = shown.as_ref().filter(|shown| shown.len() != pictures.len()) {
                    return Err(Error::world(format!("frames {batch} are shown as {} pictures", shown.len())));
                }
                for (row, picture) in pictures.into_iter().enumerate() {
                    writer.write(shown.as_ref().map_or(&picture, |shown| &shown[row]))?;
                    inspector.push(picture);
                }
            }
            next = run.frames().end;
        }
        self.stop.check()?;
        if next != self.frames.end {
            return Err(Error::world(format!("latents of frames {next}..{} are missing", self.frames.end)));
        }
        writer.finish()?;
        let measured = inspector.finish().into_iter().map(|(frames, run)| (frames, Quality::Part(run)));
        Ok((renderer, measured.collect()))
    }
}
