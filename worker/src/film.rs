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
use tokio::sync::mpsc;

use crate::{
    input::{self, AUDIO},
    work::Work,
};

/// Joins the film. Parts are read while it is made: beside the film and the track, three of them lie on the disk at most.
pub(crate) async fn make(work: &Work<'_>) -> Result<()> {
    let order = &work.lease.order;
    let audio = input::fetch(work, AUDIO, &order.audio).await?;
    let (send, receive) = mpsc::channel(1);
    let (file, stop) = (work.scratch().join(FILM), work.stop.clone());
    let (out, frames, fps, metadata) = (file.clone(), order.shape.frames, order.fps, tags(work.lease));
    let joining = work.compute(move || {
        let cancel = || stop.control() == Control::Stop;
        let mut next = one_after_the_other(receive);
        media::film::join_as_they_come(&mut next, &audio, &out, &JoinSpec { fps, frames, metadata, cancel: &cancel })
    });
    let (joined, sent) = tokio::join!(joining, fetch_parts(work, send));
    // A joining that failed stops the sending; a sending that failed leaves the film short of parts.
    sent?;
    let info = joined?;
    if info.frames != frames {
        return Err(Error::world(format!("the film came out with {} frames instead of {frames}", info.frames)));
    }
    work.keep_file(FILM, &file).await
}

/// Reads the parts one after the other; one waits while another is joined.
async fn fetch_parts(work: &Work<'_>, send: mpsc::Sender<PathBuf>) -> Result<()> {
    let order = &work.lease.order;
    for (index, frames) in (0..).zip(Layout::of(order)?.joined()) {
        let part = TaskId::of(&TaskKind::Part { index, frames });
        let file = work.scratch().join(format!("{part}.mp4"));
        // Of a retake, most parts are those of the earlier film; those that it made stand between them.
        let kept = order.retake.as_ref().and_then(|retake| retake.parts.get(index as usize));
        match kept.filter(|_| !work.lease.node.needs.contains(&part)) {
            Some(kept) => work.fetch_blob(&kept.blob, &file).await?,
            None => work.fetch(&part, PART, &file).await?,
        }
        // What was joined so far is in the film, and the film in the same place.
        work.room_for(0)?;
        if send.send(file).await.is_err() {
            // The joining ended early and says why.
            return Ok(());
        }
    }
    Ok(())
}

/// Gives the files as they come, and removes each when the next is asked for.
fn one_after_the_other(mut files: mpsc::Receiver<PathBuf>) -> impl FnMut() -> Result<Option<PathBuf>> {
    let mut open: Option<PathBuf> = None;
    move || {
        if let Some(done) = open.take() {
            std::fs::remove_file(&done)
                .map_err(|e| Error::world(format!("{} cannot be removed", done.display())).from_source(e))?;
        }
        open = files.blocking_recv();
        Ok(open.clone())
    }
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
