//! `emofarm retake`: some frames of a film are rendered anew, on the farm or, for a film that was rendered here, on this machine.

use std::path::{Path, PathBuf};

use coordinator::RetakeWishes;
use serde_json::{Map, Value};
use shared::{Error, JobState, Result, Timecode, clock::SystemClock, ports::Job};

use super::submit::see_through;
use crate::{
    args::jobs::RetakeArgs,
    chance,
    client::{
        Api,
        upload::{Input, send},
    },
    delivery::Delivery,
    exit,
    house::{House, Shown},
    interrupt,
    output::{self, note},
    progress::Bar,
    quality,
    render::deliver,
    runtime,
    settings::Settings,
};

/// Orders the retake.
pub(crate) fn run(args: &RetakeArgs, settings: &Settings, json: bool) -> Result<u8> {
    if House::place(&settings.data_dir, &args.job).join("ledger.db").is_file() {
        return here(args, settings, json);
    }
    let audio = args.audio.as_deref().map(|text| Input::typed(text, Path::new("."))).transpose()?;
    let inputs: Vec<&Path> = audio.iter().filter_map(Input::file).collect();
    let place = args.output.as_ref().map(|path| Delivery::check(path, args.overwrite, &inputs)).transpose()?;
    let files: Vec<_> = inputs.iter().map(|path| ("audio", *path)).collect();
    let body = body(args, audio.as_ref());
    let (api, key) = (Api::new(settings)?, chance::key()?);
    runtime::client(async {
        let document = send(&api, &["jobs", args.job.as_str(), "retakes"], body, &files, &key, json).await?;
        see_through(&api, &document, args.wait, place.as_ref(), json).await
    })
}

/// What the farm is asked.
fn body(args: &RetakeArgs, audio: Option<&Input>) -> Value {
    let mut body = Map::from_iter([("range".to_owned(), Value::from(args.range.clone()))]);
    body.extend(args.seed.map(|seed| ("seed".to_owned(), seed.into())));
    body.extend(args.priority.map(|priority| ("priority".to_owned(), priority.number().into())));
    if let Some(Input::Uri(uri)) = audio {
        body.insert("audio".to_owned(), serde_json::json!({ "uri": uri }));
    }
    Value::Object(body)
}

/// A film that was rendered here, and whose latents were kept.
fn here(args: &RetakeArgs, settings: &Settings, json: bool) -> Result<u8> {
    let output = args.output.as_ref().ok_or_else(|| {
        Error::order(format!("job {} was rendered on this machine", args.job))
            .mend("say with -o where the new film goes")
    })?;
    let audio = args.audio.as_ref().map(PathBuf::from);
    let inputs: Vec<&Path> = audio.iter().map(PathBuf::as_path).collect();
    let delivery = Delivery::check(output, args.overwrite, &inputs)?;
    runtime::embedded()?.block_on(async {
        let cancel = interrupt::token()?;
        let house = House::open(&settings.data_dir, &args.job).await?;
        let (ledger, blobs) = (house.stores.ledger.as_ref(), house.stores.blobs.as_ref());
        let base = ledger.job(&args.job).await?;
        let base = base.ok_or_else(|| Error::order(format!("job {} is not in {}", args.job, house.dir().display())))?;
        let scratch = tempfile::tempdir().map_err(|e| Error::world("no temporary directory").from_source(e))?;
        let frames = coordinator::range(&args.range, base.order.fps)?;
        let wishes = RetakeWishes { frames, seed: args.seed, audio };
        let draft = coordinator::retake(&base, &wishes, ledger, blobs, scratch.path()).await?;
        for remark in draft.remarks.iter().filter(|_| !json) {
            note(format_args!("note: {remark}"));
        }
        let (name, path, device) = (base.order.model.clone(), settings.search_path(), settings.device()?);
        let model = tokio::task::spawn_blocking(move || diffusion::open_on(&name, &path, device)).await;
        let model = model.map_err(|e| Error::world("loading the model broke").from_source(e))??;
        coordinator::submit_for(&draft, &base.terms, ledger, blobs, &SystemClock).await?;
        let mut shown = Shown { bar: Bar::new(json), watching: None };
        let ended = house.work(&draft.id, model, &mut shown, None, &cancel).await;
        shown.bar.clear();
        let job = ended?;
        if job.state != JobState::Done {
            let why = job.error.unwrap_or_else(|| format!("it was {}", job.state.name()));
            return Err(Error::world(format!("retake {} failed: {why}", draft.id)));
        }
        let film = deliver(&house, &job, &delivery).await?;
        quality::keep_or_warn(&settings.data_dir, &house.stores, &draft.id, job.order.fps).await;
        tell(&job, &film.path, json);
        Ok(exit::DONE)
    })
}

fn tell(job: &Job, film: &Path, json: bool) {
    let Some(retake) = &job.order.retake else { return };
    let at = |frame| Timecode { frame, fps: job.order.fps };
    let range = format!("{}-{}", at(retake.frames.start), at(retake.frames.end));
    if json {
        let document = serde_json::json!({
            "ok": true, "film": film.to_string_lossy(), "job": job.id, "base": retake.base, "range": range,
            "frames": retake.frames.len(), "seed": job.order.seed,
        });
        say!("{document:#}");
        return;
    }
    let frames = output::count(retake.frames.len(), "frame");
    say!("{}: {range} rendered anew ({frames}), seed {}, job {}", film.display(), job.order.seed, job.id);
}
