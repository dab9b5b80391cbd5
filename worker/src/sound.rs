//! The sound of the film in pieces, one for each part: what a film that is watched while it is rendered sounds with.

use std::path::{Path, PathBuf};

use shared::{Order, Result, TaskId, plan::Layout, ports::Control};
use tokio::sync::mpsc;

use crate::work::Work;

/// The pieces lie under this name in place of the task's: they are kept as long as the parts, and not as the features.
const SOUND: &str = "sound";

/// Name of the blob with the sound of part `place`.
fn name(place: usize) -> String {
    format!("sound-{place:05}.mp4")
}

/// Encodes the track on a thread of its own and keeps its pieces as they come; one waits at most.
pub(crate) async fn keep_pieces(work: &Work<'_>, audio: &Path) -> Result<()> {
    let (send, mut receive) = mpsc::channel::<(usize, PathBuf)>(1);
    let (order, stop) = (work.lease.order.clone(), work.stop.clone());
    let (audio, folder) = (audio.to_owned(), work.scratch().join("sound"));
    let cutting = work.compute(move || {
        let cancel = || stop.control() == Control::Stop;
        cut(&order, &audio, &folder, &cancel, &send)
    });
    // The receiver moves in, so that the encoder does not wait for it when keeping fails.
    let keeping = async move {
        while let Some((place, file)) = receive.recv().await {
            work.keep_file_under(&TaskId::from_text(SOUND), &name(place), &file).await?;
            std::fs::remove_file(&file).map_err(|e| unusable(&file, e))?;
        }
        Ok(())
    };
    let (cut, kept) = tokio::join!(cutting, keeping);
    kept.and(cut)
}

fn cut(
    order: &Order,
    audio: &Path,
    folder: &Path,
    cancel: &dyn Fn() -> bool,
    send: &mpsc::Sender<(usize, PathBuf)>,
) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| unusable(folder, e))?;
    let runs = Layout::of(order)?.joined().into_iter();
    media::film::cut_sound(audio, folder, order.fps, runs, cancel, |place, piece| {
        // The piece goes when this returns, and keeping it takes a while.
        let file = piece.with_file_name(name(place));
        std::fs::rename(piece, &file).map_err(|e| unusable(&file, e))?;
        // Who receives is gone only when keeping failed, and that failure is the one to tell of.
        send.blocking_send((place, file)).map_err(|_| shared::Error::stopped())
    })
}

fn unusable(path: &Path, error: std::io::Error) -> shared::Error {
    shared::Error::world(format!("{} cannot be used", path.display())).from_source(error)
}
