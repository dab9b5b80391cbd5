//! Some frames of a film are rendered anew; the rest of it is kept.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::{
    Error, Fps, Frames, JobId, JobState, Join, Layout, Order, Result, TaskId, TaskKind, TaskState, Timecode,
    face::FaceSearch,
    plan::{Kept, Origin, Retake, Source},
    ports::{
        BlobKey, Blobs, Job, Ledger,
        blobs::{LATENTS, PART},
    },
};

use crate::{
    draft::Draft,
    inputs::input,
    submit::{AUDIO, PORTRAIT},
};

/// What somebody wants to see again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetakeWishes {
    /// The frames that are to look different.
    pub frames: Frames,
    /// Seed of their noise; the one after that of the earlier film when absent.
    pub seed: Option<u64>,
    /// Another track for the whole film, as long as the one before.
    pub audio: Option<PathBuf>,
}

/// The frames from one timecode up to, and without, another: `HH:MM:SS:FF-HH:MM:SS:FF`.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) saying what is wrong with it.
pub fn range(text: &str, fps: Fps) -> Result<Frames> {
    let wrong = || {
        Error::order(format!("\"{text}\" is not a range of the film"))
            .mend("give two timecodes, such as 00:41:12:00-00:41:20:00")
    };
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let frame = |text: &str| Timecode::read(text.trim(), fps).map(|timecode| timecode.frame);
    let (from, to) = (frame(from)?, frame(to)?);
    if from < to { Ok(Frames::new(from, to)) } else { Err(wrong()) }
}

/// Blobs that are asked for at once.
const AT_ONCE: usize = 16;

/// Makes the order and plan of a retake. The files of the earlier film are copied to `scratch`; nothing else is written.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) when the film is not made, the frames are not in it, the track has another length, or
/// what must be kept was tidied away; what the stores say.
pub async fn retake(
    base: &Job,
    wishes: &RetakeWishes,
    ledger: &dyn Ledger,
    blobs: &dyn Blobs,
    scratch: &Path,
) -> Result<Draft> {
    if base.state != JobState::Done {
        return Err(Error::order(format!("job {} is {}: there is no film to change yet", base.id, base.state.name()))
            .mend("wait until its film is made"));
    }
    let made = made(&base.id, ledger).await?;
    let order = &base.order;
    let frames = Retake::reach(wishes.frames, &order.shape)?;
    // Whatever joined the chains of the earlier film, its latents are one film now.
    let cuts = Retake::cuts(frames, &order.shape, Join::Bridge);
    let parts = parts(&base.id, order, &made)?;
    let runs: Vec<_> = parts.iter().map(|part| part.frames).collect();
    let needed = Retake::needed(&runs, frames, &cuts, &order.shape);
    let latents = latents(&base.id, order, &made, needed, Retake::forgotten(frames, &cuts, &order.shape))?;
    let retake = Retake { base: base.id.clone(), frames, latents, parts };
    still_there(&retake, blobs).await?;
    let [portrait, audio] = files(base, wishes, blobs, scratch).await?;
    let seed = wishes.seed.unwrap_or(order.seed.wrapping_add(1));
    let order = Order { seed, cuts, retake: Some(retake), ..order.clone() };
    let order = match &wishes.audio {
        Some(path) => with_track(order, path.clone()).await?,
        None => order,
    };
    let plan = order.plan()?;
    let id = order.job_id_for(&base.terms.tenant);
    Ok(Draft {
        id,
        order,
        plan,
        portrait,
        audio,
        faces: FaceSearch::NoDetector,
        continuity: None,
        seams: Vec::new(),
        remarks: remarks(wishes.frames, frames, base),
    })
}

/// For every task that is done, the attempt whose result counts.
async fn made(job: &JobId, ledger: &dyn Ledger) -> Result<HashMap<TaskId, u32>> {
    let tasks = ledger.tasks(job).await?;
    Ok(tasks.into_iter().filter(|task| task.state == TaskState::Done).map(|task| (task.id, task.attempt)).collect())
}

fn blob(job: &JobId, kind: &TaskKind, made: &HashMap<TaskId, u32>, name: &str) -> Result<BlobKey> {
    let task = TaskId::of(kind);
    let attempt = made.get(&task).ok_or_else(|| Error::world(format!("task {task} of job {job} is not done")))?;
    BlobKey::made(job, &task, *attempt, name)
}

/// All parts of the earlier film; those of a retake are partly its own.
fn parts(job: &JobId, order: &Order, made: &HashMap<TaskId, u32>) -> Result<Vec<Kept>> {
    let own = Layout::of(order)?.parts();
    let of = |(index, frames): (u32, Frames)| {
        let blob = blob(job, &TaskKind::Part { index, frames }, made, PART)?;
        Ok(Kept { frames, blob })
    };
    let Some(earlier) = &order.retake else { return own.into_iter().map(of).collect() };
    let mut parts = earlier.parts.clone();
    for (index, frames) in own {
        if let Some(part) = parts.get_mut(index as usize) {
            *part = of((index, frames))?;
        }
    }
    Ok(parts)
}

/// The latents of the earlier film in `needed`, but for those that lie within `forgotten`.
fn latents(
    job: &JobId,
    order: &Order,
    made: &HashMap<TaskId, u32>,
    needed: Frames,
    forgotten: Frames,
) -> Result<Vec<Kept>> {
    let sources = Layout::of(order)?.sources(needed).into_iter();
    let outside = |source: &Source| source.frames.meet(forgotten) != source.frames;
    let kept = |Source { origin, frames }| match origin {
        Origin::Task(kind) => Ok(Kept { frames, blob: blob(job, &kind, made, LATENTS)? }),
        Origin::Kept(kept) => Ok(Kept { frames, blob: kept.blob }),
    };
    sources.filter(outside).map(kept).collect()
}

/// Everything that a retake reads must still be in the store.
async fn still_there(retake: &Retake, blobs: &dyn Blobs) -> Result<()> {
    let all = retake.latents.iter().chain(&retake.parts);
    let look = |kept: &Kept| {
        let key = kept.blob.clone();
        async move {
            match blobs.size(&key).await? {
                Some(_) => Ok(()),
                None => Err(Error::order(format!("{key} was tidied away: the film cannot be changed any more"))
                    .mend("order the film anew; latents are kept longer with --keep-latents")),
            }
        }
    };
    let looks: Vec<_> = all.map(look).collect();
    stream::iter(looks).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
}

/// The portrait, and the track unless another one is given, as files with the names that they came with.
async fn files(base: &Job, wishes: &RetakeWishes, blobs: &dyn Blobs, scratch: &Path) -> Result<[PathBuf; 2]> {
    let fetch = async |name: &str, of: &str| {
        let dir = scratch.join(name);
        std::fs::create_dir_all(&dir)
            .map_err(|e| Error::world(format!("{} cannot be made", dir.display())).from_source(e))?;
        // A name from an order is the file's own, without a way to somewhere else.
        let own = Path::new(of).file_name().unwrap_or(std::ffi::OsStr::new("input"));
        let file = dir.join(own);
        blobs.fetch(&BlobKey::input(&base.id, name)?, &file).await?;
        Ok::<_, Error>(file)
    };
    let portrait = fetch(PORTRAIT, &base.order.portrait.name).await?;
    let audio = match &wishes.audio {
        Some(path) => path.clone(),
        None => fetch(AUDIO, &base.order.audio.name).await?,
    };
    Ok([portrait, audio])
}

/// The order with another track. Decodes it once, off the runtime.
async fn with_track(order: Order, path: PathBuf) -> Result<Order> {
    let work = move || {
        let track = media::audio::measure(&path)?;
        let (frames, wanted) = (order.fps.frames_covering(track.samples, track.rate), order.shape.frames);
        if frames != wanted {
            return Err(Error::order(format!("{} covers {frames} frames, and the film has {wanted}", path.display()))
                .mend("give a track for the whole film, as long as the one before"));
        }
        Ok(Order { audio: input(&path)?, samples: track.samples, sample_rate: track.rate, ..order })
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::world("work on a track broke").from_source(e))?
}

fn remarks(asked: Frames, frames: Frames, base: &Job) -> Vec<String> {
    let at = |frame| Timecode { frame, fps: base.order.fps };
    if asked == frames {
        return Vec::new();
    }
    vec![format!("{}-{} is rendered anew: a retake needs a seam at both ends", at(frames.start), at(frames.end))]
}
