//! A film that is watched while it is made: an HTTP Live Streaming playlist (RFC 8216) of the parts that are done.
//!
//! Parts are fragments of one MP4, pictures and sound together, with the times of the film. A playlist of type `EVENT` only grows, in the
//! order of the film, up to the first part that is missing; it ends when the job does.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use media::film::{FragmentSound, FragmentSpec};
use shared::{
    Error, Fps, Frames, JobState, Order, Result, TaskId, TaskKind, TaskState,
    plan::Layout,
    ports::{BlobKey, Blobs, Job, Task},
};

/// The playlist's name.
pub const PLAYLIST: &str = "watch.m3u8";

/// Name of what stands before all fragments.
pub const HEAD: &str = "init.mp4";

/// Name of the fragment of the part `place`.
pub fn fragment_name(place: usize) -> String {
    format!("part-{place:05}.m4s")
}

/// What of a film can be watched.
pub struct Watched<'a> {
    job: &'a Job,
    prepare: &'a Task,
    /// All parts in the order of the film; where each lies that is done.
    parts: Vec<(Frames, Option<BlobKey>)>,
    ended: bool,
}

impl<'a> Watched<'a> {
    /// What can be watched of a job with these tasks; nothing before it is prepared.
    ///
    /// # Errors
    /// When the job's order has no plan.
    pub fn of(job: &'a Job, tasks: &'a [Task]) -> Result<Option<Self>> {
        let Some(prepare) = tasks.iter().find(|task| task.kind == TaskKind::Prepare) else { return Ok(None) };
        let encoded: BTreeMap<u32, &Task> = tasks.iter().filter_map(|task| Some((part_of(task)?, task))).collect();
        let mut parts = Vec::new();
        for (place, frames) in (0..).zip(Layout::of(&job.order)?.joined()) {
            let kept = || job.order.retake.as_ref().and_then(|retake| retake.parts.get(place as usize));
            let key = match encoded.get(&place) {
                Some(task) if task.state == TaskState::Done => Some(made(job, task, "part.mp4")?),
                Some(_) => None,
                None => kept().map(|kept| kept.blob.clone()),
            };
            parts.push((frames, key));
        }
        let ended = job.state != JobState::Running;
        Ok((prepare.state == TaskState::Done).then_some(Self { job, prepare, parts, ended }))
    }

    /// How many parts can be watched: those from the first on that are done.
    pub fn parts(&self) -> usize {
        self.parts.iter().take_while(|(_, key)| key.is_some()).count()
    }

    /// Whether the part `place` is done.
    pub fn has(&self, place: usize) -> bool {
        self.parts.get(place).is_some_and(|(_, key)| key.is_some())
    }

    /// The blob that the excerpt of the part `place` is kept as, where it is kept.
    ///
    /// # Errors
    /// None today: the names are ours.
    pub fn excerpt_blob(&self, place: usize) -> Result<BlobKey> {
        self.beside(&format!("excerpt-{place:05}.mp4"))
    }

    /// The blob that the fragment of the part `place` is kept as, and the one of what stands before it, where they are kept.
    ///
    /// # Errors
    /// None today: the names are ours.
    pub fn blobs(&self, place: usize) -> Result<[BlobKey; 2]> {
        let name = [format!("watch-{place:05}.m4s"), "watch-init.mp4".to_owned()];
        Ok([self.beside(&name[0])?, self.beside(&name[1])?])
    }

    /// The playlist, with the fragments in `folder`, relative to the playlist.
    ///
    /// # Errors
    /// When the job's order has no plan.
    pub fn playlist(&self, folder: &str) -> Result<String> {
        let order = &self.job.order;
        let longest = longest(order)?;
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{longest}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-START:TIME-OFFSET=0\n#EXT-X-MAP:URI=\"{folder}{HEAD}\"\n"
        );
        for (place, (frames, _)) in self.parts.iter().take(self.parts()).enumerate() {
            let _ = writeln!(text, "#EXTINF:{},\n{folder}{}", seconds(order.fps, *frames), fragment_name(place));
        }
        if self.ended {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        Ok(text)
    }

    /// Makes the fragment of the part `place` as the file `out`, with files beside it, and gives what stands before all fragments.
    ///
    /// # Errors
    /// [`Cause::World`](shared::error::Cause::World) when a blob is missing or broken.
    pub async fn fragment(&self, blobs: &dyn Blobs, place: usize, out: &Path) -> Result<Vec<u8>> {
        self.with_sound(blobs, place, out, media::film::fragment).await
    }

    /// Makes the file `out` of the part `place` with its sound, a film of its own, with files beside it.
    ///
    /// # Errors
    /// As [`Watched::fragment`].
    pub async fn excerpt(&self, blobs: &dyn Blobs, place: usize, out: &Path) -> Result<()> {
        self.with_sound(blobs, place, out, media::film::excerpt).await
    }

    /// The key of something that is made for those who watch, or read by them.
    fn beside(&self, name: &str) -> Result<BlobKey> {
        BlobKey::made(&self.job.id, &sound(), self.prepare.attempt, name)
    }

    async fn with_sound<T: Send + 'static>(
        &self,
        blobs: &dyn Blobs,
        place: usize,
        out: &Path,
        make: fn(&Path, Option<FragmentSound<'_>>, &Path, FragmentSpec) -> Result<T>,
    ) -> Result<T> {
        let gone = || Error::world(format!("part {place} of job {} is not there", self.job.id));
        let Some((frames, Some(key))) = self.parts.get(place) else { return Err(gone()) };
        let part = out.with_extension("part.mp4");
        blobs.fetch(key, &part).await?;
        let piece = out.with_extension("sound.mp4");
        let own = self.fetch_sound(blobs, place, &piece).await?;
        // A part without sound of its own is told what the sound of the film is like by that of the first.
        let any = own || self.fetch_sound(blobs, 0, &piece).await?;
        let spec = FragmentSpec { fps: self.job.order.fps, place: place as u32, first: frames.start };
        let out = out.to_owned();
        let work = move || {
            let sound = any.then_some(FragmentSound { piece: &piece, own });
            let made = make(&part, sound, &out, spec);
            for file in [&part, &piece] {
                // They lie in a folder for temporary files, which goes as a whole.
                let _ = std::fs::remove_file(file);
            }
            made
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::world("work on a part broke").from_source(e))?
    }

    /// Fetches a piece of sound, where there is one: jobs that were prepared by an older program have none and are watched in silence.
    async fn fetch_sound(&self, blobs: &dyn Blobs, place: usize, file: &Path) -> Result<bool> {
        let key = self.beside(&format!("sound-{place:05}.mp4"))?;
        let there = blobs.size(&key).await?.is_some();
        if there {
            blobs.fetch(&key, file).await?;
        }
        Ok(there)
    }
}

/// The place in the film of the part that a task encodes.
fn part_of(task: &Task) -> Option<u32> {
    match task.kind {
        TaskKind::Part { index, .. } => Some(index),
        _ => None,
    }
}

/// Under this name lies what a film is watched with, in place of a task's: it is kept as long as the parts, and not as the latents.
pub(crate) fn sound() -> TaskId {
    TaskId::from_text("sound")
}

fn made(job: &Job, task: &Task, name: &str) -> Result<BlobKey> {
    BlobKey::made(&job.id, &task.id, task.attempt, name)
}

/// Whole seconds that no part is longer than; it must not change while the playlist grows (RFC 8216, section 6.2.1).
fn longest(order: &Order) -> Result<u64> {
    let longest = Layout::of(order)?.joined().iter().map(Frames::len).max().unwrap_or(1);
    Ok((longest * u64::from(order.fps.den())).div_ceil(u64::from(order.fps.num())))
}

/// The length of a run in seconds. Each ends where the next begins once both are rounded, so that nothing adds up.
fn seconds(fps: Fps, frames: Frames) -> String {
    let micros = |frame: u64| u128::from(frame) * u128::from(fps.den()) * 1_000_000 / u128::from(fps.num());
    let length = micros(frames.end) - micros(frames.start);
    format!("{}.{:06}", length / 1_000_000, length % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_add_up_to_the_film() {
        let fps: Fps = "24000/1001".parse().unwrap();
        let film = Frames::new(0, 86_314);
        let all: f64 = film.pieces(192).map(|run| seconds(fps, run).parse::<f64>().unwrap()).sum();
        assert!((all - fps.seconds(86_314)).abs() < 2e-6, "{all}");
        assert_eq!(seconds(fps, Frames::new(0, 24)), "1.001000");
    }
}
