//! `emofarm render`: portrait and track in, film out, in one process.

use std::time::Instant;

use coordinator::Draft;
use shared::{
    Error, JobState, Result,
    effort::Spent,
    ports::{Job, Model},
};
use tokio_util::sync::CancellationToken;

use crate::{
    args::render::RenderArgs,
    delivery::Delivery,
    exit,
    house::{House, Shown},
    interrupt, output,
    previewed::{self, Excerpts},
    progress::Bar,
    quality,
    settings::Settings,
    watching::Watching,
};

/// Renders the film, or continues where an earlier run of the same command stopped.
pub(crate) fn run(args: &RenderArgs, settings: &Settings, json: bool) -> Result<u8> {
    let started = Instant::now();
    // Everything that can be wrong with the order is found before a byte is written.
    let delivery = Delivery::check(&args.output, args.overwrite, &inputs(args))?;
    let model = diffusion::open_on(&settings.model, &settings.search_path(), settings.device()?)?;
    let draft = draft(args, settings, model.as_ref())?;
    let spent = model.effort(&draft.order.settings)?;
    if !json {
        // In a JSON document the remarks are part of it.
        for remark in &draft.remarks {
            output::note(format_args!("note: {remark}"));
        }
    }
    let excerpts = Excerpts::of(args, &draft)?;
    let watching = args.watch_dir.as_deref().map(Watching::begin).transpose()?;
    let made = crate::runtime::embedded()?.block_on(async {
        let cancel = interrupt::token()?;
        let house = House::open(&settings.data_dir, &draft.id).await?;
        let mut shown = Shown { bar: Bar::new(json), watching };
        let job = work(&house, &draft, model, &mut shown, excerpts.as_ref(), &cancel).await?;
        if let Some(excerpts) = &excerpts {
            let files = excerpts.deliver(&house, &job).await?;
            return Ok(Made::Excerpts(files, house.dir().to_path_buf()));
        }
        let film = deliver(&house, &job, &delivery).await?;
        let fps = draft.order.fps;
        let warnings = quality::keep_or_warn(&settings.data_dir, &house.stores, &draft.id, fps).await;
        let kept = if args.keep_latents { Some(house.dir().to_path_buf()) } else { None };
        if kept.is_none()
            && let Err(error) = house.clear()
        {
            tracing::warn!(%error, "the film is delivered, but its work is still on the disk");
        }
        Ok::<_, Error>(Made::Film(Box::new(Film { kept, resumed: shown.bar.resumed(), warnings, ..film })))
    })?;
    match made {
        Made::Film(film) => tell(&film, &draft, spent, started.elapsed().as_secs_f64(), json),
        Made::Excerpts(files, kept) => previewed::tell(&files, &draft, &kept, json),
    }
    Ok(exit::DONE)
}

/// What came of it.
enum Made {
    /// The film.
    Film(Box<Film>),
    /// Excerpts of some places, and where the work on the rest is kept.
    Excerpts(Vec<std::path::PathBuf>, std::path::PathBuf),
}

/// The files that the film must not be written over.
fn inputs(args: &RenderArgs) -> Vec<&std::path::Path> {
    [&args.portrait, &args.audio].into_iter().chain(&args.shape.chains.shots).map(std::path::PathBuf::as_path).collect()
}

/// What was delivered.
pub(crate) struct Film {
    pub(crate) path: std::path::PathBuf,
    pub(crate) info: media::probe::FilmInfo,
    kept: Option<std::path::PathBuf>,
    /// Frames that an earlier run had rendered.
    resumed: u64,
    /// Places of the film that somebody should look at.
    warnings: usize,
}

fn draft(args: &RenderArgs, settings: &Settings, model: &dyn Model) -> Result<Draft> {
    let chosen = shared::job::Settings {
        steps: args.steps,
        guidance: args.guidance,
        head_speed: args.head_speed,
        face: args.face,
        size: args.size,
        key_points: None,
        mask_face: args.mask_face,
        mask_lip: args.mask_lip,
        face_expand: args.face_expand,
        reference: args.reference.map(Into::into),
        handoff: args.handoff.map(Into::into),
        pose_weight: args.pose_weight,
        face_weight: args.face_weight,
        lip_weight: args.lip_weight,
        gates: args.gates.map(Into::into),
        compute: args.compute.map(Into::into),
        quality: args.effort.quality,
        solver: args.effort.solver,
        guidance_band: args.effort.guidance_band,
        reuse: args.effort.reuse,
    };
    let wishes = settings.wishes(args.seed, &args.shape.chains, chosen)?;
    coordinator::draft(&args.portrait, &args.audio, &wishes, model)
}

/// Submits the job and works until it has ended.
pub(crate) async fn work(
    house: &House,
    draft: &Draft,
    model: std::sync::Arc<dyn Model>,
    shown: &mut Shown,
    excerpts: Option<&Excerpts>,
    cancel: &CancellationToken,
) -> Result<Job> {
    coordinator::submit(draft, house.stores.ledger.as_ref(), house.stores.blobs.as_ref(), &shared::clock::SystemClock)
        .await?;
    let preview = excerpts.map(|excerpts| &excerpts.needed[..]);
    let ended = house.work(&draft.id, model, shown, preview, cancel).await;
    shown.bar.clear();
    let job = ended?;
    if job.state == JobState::Done || (excerpts.is_some() && job.hold == shared::Hold::Approval) {
        return Ok(job);
    }
    let why = job.error.unwrap_or_else(|| format!("it was {}", job.state.name()));
    Err(Error::world(format!("job {} failed: {why}", draft.id)))
}

/// Puts the film of a job that is done where it belongs.
///
/// # Errors
/// When the film is not there, or cannot be put there.
pub(crate) async fn deliver(house: &House, job: &Job, delivery: &Delivery) -> Result<Film> {
    let tasks = house.stores.ledger.stitched(&job.id).await?;
    let film = tasks.iter().find(|task| task.kind == shared::TaskKind::Film);
    let film = film.ok_or_else(|| Error::world(format!("job {} has no film", job.id)))?;
    let key = shared::ports::BlobKey::made(&job.id, &film.id, film.attempt, "film.mp4")?;
    if house.stores.blobs.size(&key).await?.is_none() {
        return Err(Error::world(format!("job {} is done, but its film is not in {}", job.id, house.dir().display()))
            .mend("remove that directory and give the same command again"));
    }
    let path = delivery.put(house.stores.blobs.as_ref(), &key).await?;
    let info = media::probe::film(&path)?;
    Ok(Film { path, info, kept: None, resumed: 0, warnings: 0 })
}

fn tell(film: &Film, draft: &Draft, spent: Option<Spent>, seconds: f64, json: bool) {
    let order = &draft.order;
    let info = &film.info;
    let frames = order.shape.frames;
    if json {
        let document = serde_json::json!({
            "ok": true, "film": film.path.to_string_lossy(), "job": draft.id, "seconds": order.fps.seconds(frames), "frames": frames,
            "fps": order.fps, "width": info.width, "height": info.height, "seed": order.seed, "model": order.model, "effort": spent,
            "chains": draft.seams.len() + 1,
            "took_seconds": seconds, "resumed_frames": film.resumed,
            "kept": film.kept.as_ref().map(|kept| kept.to_string_lossy()), "face": order.settings.face,
            "faces": draft.faces.faces(), "remarks": draft.remarks, "quality_warnings": film.warnings,
        });
        say!("{document:#}");
        return;
    }
    say!(
        "{}: {} ({} at {} fps, {}x{}), seed {}, made in {} ({:.1} frames/s)",
        film.path.display(),
        output::duration(order.fps.seconds(frames)),
        output::count(frames, "frame"),
        order.fps,
        info.width,
        info.height,
        order.seed,
        output::duration(seconds),
        frames.saturating_sub(film.resumed) as f64 / seconds.max(1e-3),
    );
    if film.warnings > 0 {
        let places = output::count(film.warnings as u64, "place");
        say!("{places} of the film should be looked at");
    }
    say!("\"emofarm quality {}\" tells how good it is", draft.id);
    if let Some(kept) = &film.kept {
        say!("latents and parts are kept in {}", kept.display());
    }
}
