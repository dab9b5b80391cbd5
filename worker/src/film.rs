//! `film`: joins all parts and adds the track.

use std::path::PathBuf;

use media::film::JoinSpec;
use shared::{
    Error, Layout, Result, TaskId, TaskKind,
    ports::{
        Control, Lease,
        blobs::{FILM, PART},
    },
};

use crate::{
    input::{self, AUDIO},
    work::{Work, off_the_runtime},
};

/// Joins the film.
pub(crate) async fn make(work: &Work<'_>) -> Result<()> {
    let order = &work.lease.order;
    let audio = input::fetch(work, AUDIO, &order.audio).await?;
    let parts = fetch_parts(work).await?;
    let (file, stop) = (work.scratch().join(FILM), work.stop.clone());
    let (out, frames, fps, metadata) = (file.clone(), order.shape.frames, order.fps, tags(work.lease));
    let info = off_the_runtime(move || {
        let cancel = || stop.control() == Control::Stop;
        media::film::join(&parts, &audio, &out, &JoinSpec { fps, frames, metadata, cancel: &cancel })
    })
    .await?;
    if info.frames != frames {
        return Err(Error::world(format!("the film came out with {} frames instead of {frames}", info.frames)));
    }
    work.keep_file(FILM, &file).await
}

async fn fetch_parts(work: &Work<'_>) -> Result<Vec<PathBuf>> {
    let order = &work.lease.order;
    // Of a retake, most parts are those of the earlier film; those that it made stand between them.
    let kept = order.retake.iter().flat_map(|retake| &retake.parts).map(|part| (part.frames, Some(&part.blob)));
    let all: Vec<_> = match order.retake {
        Some(_) => kept.collect(),
        None => Layout::of(order)?.parts().into_iter().map(|(_, frames)| (frames, None)).collect(),
    };
    let mut parts = Vec::new();
    for (index, (frames, kept)) in (0..).zip(all) {
        let part = TaskId::of(&TaskKind::Part { index, frames });
        let file = work.scratch().join(format!("{part}.mp4"));
        match kept.filter(|_| !work.lease.node.needs.contains(&part)) {
            Some(blob) => work.fetch_blob(blob, &file).await?,
            None => work.fetch(&part, PART, &file).await?,
        }
        parts.push(file);
    }
    Ok(parts)
}

/// What the file says about itself to whoever finds it.
fn tags(lease: &Lease) -> Vec<(String, String)> {
    let order = &lease.order;
    let title = order.audio.name.rsplit_once('.').map_or(order.audio.name.as_str(), |(stem, _)| stem);
    let mut tags = vec![(
        "comment".to_owned(),
        format!("synthetic media made by emofarm: model {}, seed {}, job {}", order.model, order.seed, lease.key.job),
    )];
    if !title.is_empty() && !title.contains('\0') {
        tags.push(("title".to_owned(), title.to_owned()));
    }
    tags
}
