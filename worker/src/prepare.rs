//! `prepare`: what all later tasks of the job share.

use std::path::{Path, PathBuf};

use shared::{
    Bundle, Layout, Order, Result,
    ports::{Model, Renderer},
    quality::{Reference, SpeechMeter},
    tensor::Precision,
};
use tokio::sync::mpsc;

use crate::{
    features::{self, Cut, Cutter},
    input::{self, AUDIO, PORTRAIT},
    quality::{self, BASIS, Basis},
    sound,
    stop::Stop,
    work::Work,
};

/// Name of the blob with everything of the model that is the same for all clips.
pub(crate) const PREPARED: &str = "prepared.safetensors";

/// Prepares the portrait, then the audio features of every task that renders and the sound of every part.
pub(crate) async fn make(work: &Work<'_>) -> Result<()> {
    let order = &work.lease.order;
    let portrait = input::fetch(work, PORTRAIT, &order.portrait).await?;
    let (model, of) = (work.model().await?, order.clone());
    let Prepared { bundle, reference, renderer } =
        work.compute(move || prepared(&portrait, &of, model.as_ref())).await?;
    work.put_back(renderer);
    work.keep(PREPARED, &bundle.to_bytes(Precision::Single)?).await?;
    work.stop.check()?;
    let audio = input::fetch(work, AUDIO, &order.audio).await?;
    // Both read the track from its first sample to its last; neither waits for the other.
    let (sounding, speech) = tokio::join!(sound::keep_pieces(work, &audio), keep_features(work, audio.clone()));
    let speech = speech?;
    sounding?;
    work.keep(BASIS, &Basis { reference, speech }.to_bytes()?).await
}

/// What is made of the portrait.
struct Prepared {
    bundle: Bundle,
    /// The portrait as the network draws it.
    reference: Option<Reference>,
    /// For the next task.
    renderer: Box<dyn Renderer>,
}

fn prepared(portrait: &Path, order: &Order, model: &dyn Model) -> Result<Prepared> {
    let picture = media::portrait::load(portrait)?;
    let mut settings = order.settings.clone();
    if settings.face.is_none() {
        // A draft made where the detector is names the face already; one made elsewhere leaves it to this, the only task of the
        // job that looks at the portrait.
        model.find_faces(&picture)?.settle(&mut settings, &order.portrait.name)?;
    }
    let portrait = media::portrait::crop_square(&picture, &settings, model.shape().image_size)?;
    let bundle = model.prepare(&portrait, &settings)?;
    let mut renderer = model.renderer(&bundle, &order.settings, order.seed)?;
    let reference = quality::reference(renderer.as_mut(), &portrait)?;
    Ok(Prepared { bundle, reference, renderer })
}

/// Encodes on a thread of its own and keeps each task's features as they come; one waits at most. How loud each frame is comes back.
async fn keep_features(work: &Work<'_>, audio: PathBuf) -> Result<Vec<f32>> {
    let (send, mut receive) = mpsc::channel(1);
    let (model, stop) = (work.model().await?, work.stop.clone());
    let order = work.lease.order.clone();
    let encoding = work.compute(move || encode(&audio, &order, model.as_ref(), &stop, &send));
    // The receiver moves in, so that the encoder does not wait for it when keeping fails.
    let keeping = async move {
        while let Some((task, features)) = receive.recv().await {
            work.keep(&features::name(&task), &features::to_bytes(features)?).await?;
        }
        Ok(())
    };
    let (encoded, kept): (_, Result<()>) = tokio::join!(encoding, keeping);
    kept.and(encoded)
}

/// Track to features, in pieces.
fn encode(audio: &Path, order: &Order, model: &dyn Model, stop: &Stop, send: &mpsc::Sender<Cut>) -> Result<Vec<f32>> {
    let mut meter = SpeechMeter::new(order.fps);
    let mut cutter = Cutter::new(&Layout::of(order)?, &model.shape());
    let mut encoder = model.audio_encoder(order.fps);
    if encoder.needs_survey() {
        let mut reader = media::audio::Reader::open(audio)?;
        while let Some(samples) = reader.next()? {
            stop.check()?;
            encoder.survey(&samples)?;
        }
    }
    let mut reader = media::audio::Reader::open(audio)?;
    while let Some(samples) = reader.next()? {
        stop.step()?;
        meter.push(&samples);
        // A retake needs features of some seconds; how loud the rest of the track is costs little.
        if !cutter.is_done() {
            pass_on(cutter.push(&encoder.push(&samples)?)?, send)?;
        }
    }
    if !cutter.is_done() {
        pass_on(cutter.push(&encoder.finish(order.shape.frames)?)?, send)?;
    }
    cutter.finish()?;
    Ok(meter.finish(order.shape.frames))
}

/// Who receives is gone only when keeping failed, and that failure is the one to tell of.
fn pass_on(cuts: Vec<Cut>, send: &mpsc::Sender<Cut>) -> Result<()> {
    cuts.into_iter().try_for_each(|cut| send.blocking_send(cut)).map_err(|_| shared::Error::stopped())
}
