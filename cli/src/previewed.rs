//! `render --preview`: excerpts of some places of the film, before the rest is rendered.

use std::path::{Path, PathBuf};

use coordinator::{Draft, watch::Watched};
use shared::{Error, Result, TaskId, ports::Job};

use crate::{args::render::RenderArgs, delivery::Delivery, house::House};

/// The excerpts that were asked for.
pub(crate) struct Excerpts {
    /// Every task that they need.
    pub(crate) needed: Vec<TaskId>,
    /// For each, its part and where it goes.
    places: Vec<(usize, Delivery)>,
}

impl Excerpts {
    /// The excerpts of a draft, if the order is to be previewed, and places for them beside the film's.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub(crate) fn of(args: &RenderArgs, draft: &Draft) -> Result<Option<Self>> {
        let Some(preview) = &args.preview else { return Ok(None) };
        let shown = draft.plan.shown(preview)?;
        let mut places = Vec::new();
        for id in &shown {
            let place = id.as_str().strip_prefix("part-").and_then(|place| place.parse().ok());
            let place = place.ok_or_else(|| Error::world(format!("{id} is no part of a film")))?;
            let file = args.output.with_extension(format!("{id}.mp4"));
            places.push((place, Delivery::check(&file, args.overwrite, &[&args.portrait, &args.audio])?));
        }
        Ok(Some(Self { needed: draft.plan.needed_for(&shown), places }))
    }

    /// Writes them; which files they are.
    ///
    /// # Errors
    /// When a part is missing or a file cannot be written.
    pub(crate) async fn deliver(&self, house: &House, job: &Job) -> Result<Vec<PathBuf>> {
        let tasks = house.stores.ledger.stitched(&job.id).await?;
        let missing = || Error::world(format!("the preview of job {} is not made", job.id));
        let watched = Watched::of(job, &tasks)?.ok_or_else(missing)?;
        let mut files = Vec::new();
        for (place, delivery) in &self.places {
            let partial = delivery.partial("excerpt");
            let made = watched.excerpt(house.stores.blobs.as_ref(), *place, &partial).await;
            let kept = made.and_then(|()| delivery.keep(&partial));
            if kept.is_err() {
                // What went wrong is told; half an excerpt is of no use.
                let _ = std::fs::remove_file(&partial);
            }
            kept?;
            files.push(delivery.path().to_owned());
        }
        Ok(files)
    }
}

/// Says where the excerpts are, and how to go on.
pub(crate) fn tell(files: &[PathBuf], draft: &Draft, kept: &Path, json: bool) {
    if json {
        let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        let document = serde_json::json!({
            "ok": true, "preview": files, "job": draft.id, "frames": draft.order.shape.frames,
            "kept": kept.to_string_lossy(), "remarks": draft.remarks,
        });
        say!("{document:#}");
        return;
    }
    for file in files {
        say!("{}", file.display());
    }
    say!("the rest is rendered when the same command is given without --preview");
}
