//! Films of cases: rendered by the embedded house, or given, and measured frame by frame.

use std::path::{Path, PathBuf};

use coordinator::Wishes;
use shared::{
    Error, Fps, Result,
    measure::{
        film::{FilmMeter, Known, Measured},
        score::{Score, Truth},
    },
    ports::Model,
    quality::SpeechMeter,
};

use super::set::Case;
use crate::{
    delivery::Delivery,
    house::{House, Shown},
    interrupt,
    progress::Bar,
    render, runtime,
    settings::Settings,
};

/// How a case is rendered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Seed of all noise.
    pub(super) seed: u64,
    /// Head speed in degrees a frame; the pack's own when absent.
    pub(super) speed: Option<f32>,
}

/// A film that was measured.
pub(super) struct Film {
    /// What was measured, frame by frame.
    pub(super) frames: Vec<Measured>,
    /// What is known of it.
    pub(super) truth: Truth,
    /// Its figures.
    pub(super) score: Score,
}

/// Name of the note that says what made the films of a folder.
const MADE_BY: &str = "made-by.txt";

/// Makes sure that films in `folder` were rendered by what `maker` says, since those that are there are not rendered again.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) when another model, set, seed or frame rate made them, or when the folder cannot be read.
pub(super) fn belongs(folder: &Path, maker: &str) -> Result<()> {
    let note = folder.join(MADE_BY);
    let failed = |e| Error::order(format!("{} cannot be read or written", note.display())).from_source(e);
    match std::fs::read_to_string(&note) {
        Ok(found) if found == maker => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !has_films(folder) => {
            std::fs::write(&note, maker).map_err(failed)
        }
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(failed(e)),
        Ok(_) | Err(_) => Err(Error::order(format!(
            "the films in {} are of another model, set, seed or frame rate",
            folder.display()
        ))
        .mend(format!("give another folder to -o, or remove these films and {MADE_BY}"))),
    }
}

fn has_films(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().extension().is_some_and(|end| end == "mp4"))
}

/// Renders `case` into `file`, unless it is there already.
///
/// # Errors
/// What the render fails with.
pub(super) fn render(
    case: &Case,
    way: Way,
    model: &std::sync::Arc<dyn Model>,
    settings: &Settings,
    file: &Path,
) -> Result<()> {
    if file.is_file() {
        return Ok(());
    }
    let picture = media::portrait::load(&case.portrait)?;
    let chosen = shared::job::Settings {
        head_speed: way.speed,
        face: Some(case.truth.face(picture.width(), picture.height())),
        ..shared::job::Settings::default()
    };
    let Settings { fps, segment_clips, part_segments, .. } = *settings;
    let cutting = shared::seams::Cutting { continuity: shared::seams::Continuity::Strict, ..settings.cutting() };
    let wishes = Wishes { fps, seed: way.seed, segment_clips, part_segments, cutting, shots: None, settings: chosen };
    let draft = coordinator::draft(&case.portrait, &case.speech, &wishes, model.as_ref())?;
    let delivery = Delivery::check(file, false, &[&case.portrait, &case.speech])?;
    let work = tempfile::tempdir().map_err(|e| Error::world("no directory for the work can be made").from_source(e))?;
    runtime::embedded()?.block_on(async {
        let cancel = interrupt::token()?;
        let house = House::open(work.path(), &draft.id).await?;
        let mut shown = Shown { bar: Bar::new(true), watching: None };
        let job = render::work(&house, &draft, model.clone(), &mut shown, None, &cancel).await?;
        render::deliver(&house, &job, &delivery).await.map(|_| ())
    })
}

/// Measures the film, or the folder of pictures, at `path`, which shows `case`.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn measure(path: &Path, case: &Case) -> Result<Film> {
    let portrait = media::portrait::load(&case.portrait)?;
    let mut meter = FilmMeter::new(&portrait, &known(case)?);
    let mut frames = Vec::new();
    let fps = if path.is_dir() {
        for file in pictures(path)? {
            frames.push(meter.push(&media::portrait::load(&file)?));
        }
        Fps::new((case.truth.fps * 1000.0).round() as u32, 1000)?
    } else {
        media::film::decode(path, |_, picture| {
            frames.push(meter.push(picture));
            Ok(())
        })?;
        media::probe::film(path)?.fps
    };
    let truth = truth(case, frames.len(), fps)?;
    Ok(Film { score: Score::of(&frames, &truth), frames, truth })
}

fn known(case: &Case) -> Result<Known> {
    let truth = &case.truth;
    Ok(Known {
        face: truth.face_box,
        mouth: truth.mouth_box,
        eyes: truth.eye_boxes,
        inside: truth.mouth_colours.iter().map(|rgb| rgb.map(|c| (c / 255.0) as f32)).collect(),
        still: case.mask.as_deref().map(media::portrait::load).transpose()?,
    })
}

/// The pictures in a folder in the order of their names.
fn pictures(dir: &Path) -> Result<Vec<PathBuf>> {
    let unread = |e: std::io::Error| Error::order(format!("{} cannot be read", dir.display())).from_source(e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("png")) {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(
            Error::order(format!("{} has no PNG pictures", dir.display())).mend("name a folder of frames, or a film")
        );
    }
    Ok(files)
}

/// What is known of the case at the times of the film's frames.
fn truth(case: &Case, count: usize, fps: Fps) -> Result<Truth> {
    let at = |frame: usize| fps.seconds(frame as u64);
    let sampled = |values: &Vec<f64>| {
        let read = |frame: usize| {
            let place = at(frame) * case.truth.fps;
            let (low, share) = (place.floor() as usize, place.fract());
            let value = |k: usize| values.get(k).or(values.last()).copied().unwrap_or(0.0);
            if low >= values.len() { 0.0 } else { value(low) + share * (value(low + 1) - value(low)) }
        };
        (0..count).map(read).collect::<Vec<f64>>()
    };
    let silent = case.truth.silence.as_ref().map(|spans| {
        let inside = |t: f64| spans.iter().any(|[from, to]| (*from..*to).contains(&t));
        (0..count).map(|frame| inside(at(frame))).collect()
    });
    let opening = case.truth.mouth_open.as_ref().map(sampled);
    let silent = silent.or_else(|| opening.as_deref().map(shut));
    Ok(Truth { opening, loudness: loudness(case, count, fps)?, silent, fps: fps.as_f64() })
}

/// Frames in which the mouth is truly shut, and on either side of which it is for three more.
fn shut(opening: &[f64]) -> Vec<bool> {
    let most = opening.iter().copied().fold(0.0, f64::max);
    let near = |at: usize| opening[at.saturating_sub(3)..(at + 4).min(opening.len())].iter();
    (0..opening.len()).map(|at| near(at).all(|x| *x <= 0.02 * most)).collect()
}

fn loudness(case: &Case, count: usize, fps: Fps) -> Result<Vec<f64>> {
    let mut meter = SpeechMeter::new(fps);
    let mut reader = media::audio::Reader::open(&case.speech)?;
    while let Some(samples) = reader.next()? {
        meter.push(&samples);
    }
    Ok(meter.finish(count as u64).into_iter().map(f64::from).collect())
}
