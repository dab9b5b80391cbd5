//! `emofarm bench quality`: films of held-out portraits and speech, measured against what is known of them.

mod bars;
mod film;
mod plot;
mod set;

use std::path::{Path, PathBuf};

use shared::{Error, Result, measure::head::Turn, measure::numbers};

use crate::{args::bench::BenchQualityArgs, exit, output, output::Table, settings::Settings};
use bars::Bar;
use film::{Film, Way};
use set::Case;

/// Films that were measured.
#[derive(Default)]
struct Rendered {
    /// Each case, at the first seed and the pack's own head speed.
    cases: Vec<(String, Film)>,
    /// The first case at each head speed.
    speeds: Vec<(f32, Film)>,
    /// The first case with each seed.
    seeds: Vec<(u64, Film)>,
}

/// Renders and measures, says what came of it, and draws it.
pub(super) fn run(args: &BenchQualityArgs, settings: &Settings, json: bool) -> Result<u8> {
    let films = match (&args.film, &args.truth) {
        (Some(film), Some(truth)) => given(film, truth)?,
        _ => rendered(args, settings)?,
    };
    if let Some(folder) = &args.output {
        for (name, film) in &films.cases {
            plot::of(name, film).save(&folder.join(format!("case-{name}.png")))?;
        }
    }
    if let Some((file, (name, film))) = args.plot.as_ref().zip(films.cases.first()) {
        plot::of(name, film).save(file)?;
    }
    let bars = bars::all(&films);
    if json {
        let of = |name: &String, film: &Film| serde_json::json!({ "case": name, "score": film.score });
        let cases: Vec<_> = films.cases.iter().map(|(name, film)| of(name, film)).collect();
        say!("{:#}", serde_json::json!({ "ok": true, "measures": bars, "films": cases }));
    } else {
        tell(&bars);
    }
    let missed = bars.iter().any(|bar| bar.pass == Some(false));
    Ok(if missed { exit::FAILED } else { exit::DONE })
}

/// A film that somebody gave. Where the drawing's own pose is known, the tracking is compared with it.
fn given(film: &Path, truth: &Path) -> Result<Rendered> {
    let case = Case::read(truth)?;
    let measured = film::measure(film, &case)?;
    if let Some(poses) = &case.truth.pose {
        for (axis, name) in ["yaw", "pitch", "roll"].into_iter().enumerate() {
            let turn = |turn: &Turn| [turn.yaw, turn.pitch, turn.roll][axis];
            let found: Vec<f64> = measured.frames.iter().map(|frame| turn(&frame.turn)).collect();
            let known: Vec<f64> = poses.iter().map(|pose| pose[axis]).collect();
            let far: Vec<f64> = found.iter().zip(&known).map(|(a, b)| (a - b).abs()).collect();
            let together = numbers::correlation(&found, &known).unwrap_or(0.0);
            output::note(format_args!(
                "{name}: correlation with the drawn {together:.3}, {:.2} degrees off",
                numbers::mean(&far)
            ));
        }
    }
    Ok(Rendered { cases: vec![(case.name.clone(), measured)], ..Rendered::default() })
}

fn rendered(args: &BenchQualityArgs, settings: &Settings) -> Result<Rendered> {
    let Some(set) = &args.set else { return Ok(Rendered::default()) };
    let mut cases = set::read(set)?;
    cases.truncate(args.cases.map_or(usize::MAX, |cases| cases as usize));
    let scratch = tempfile::tempdir().map_err(|e| Error::world("no directory for films can be made").from_source(e))?;
    let folder = args.output.clone().unwrap_or_else(|| scratch.path().to_owned());
    std::fs::create_dir_all(&folder)
        .map_err(|e| Error::order(format!("the folder {} cannot be made", folder.display())).from_source(e))?;
    let name = args.model.as_ref().unwrap_or(&settings.model);
    let model = diffusion::open_on(name, &settings.search_path(), settings.device()?)?;
    let whole = std::fs::canonicalize(set).unwrap_or_else(|_| set.clone());
    let maker = format!("{} seed {} fps {} of {}\n", model.digest(), args.seed, settings.fps, whole.display());
    film::belongs(&folder, &maker)?;
    let make = |case: &Case, way: Way, name: String| {
        let file: PathBuf = folder.join(name);
        output::note(format_args!("{}", file.display()));
        film::render(case, way, &model, settings, &file)?;
        film::measure(&file, case)
    };
    let mut films = Rendered::default();
    for case in &cases {
        let way = Way { seed: args.seed, speed: None };
        films.cases.push((case.name.clone(), make(case, way, format!("case-{}.mp4", case.name))?));
    }
    let Some(first) = cases.first() else { return Ok(films) };
    for speed in &args.speeds.0 {
        let way = Way { seed: args.seed, speed: Some(*speed) };
        films.speeds.push((*speed, make(first, way, format!("speed-{speed}.mp4"))?));
    }
    for seed in args.seed..args.seed.saturating_add(u64::from(args.seeds)) {
        films.seeds.push((seed, make(first, Way { seed, speed: None }, format!("seed-{seed}.mp4"))?));
    }
    Ok(films)
}

fn tell(bars: &[Bar]) {
    let mut table = Table::new(&["measure", "found", "bar", "", ""]);
    for bar in bars {
        let verdict = match bar.pass {
            Some(true) => "pass",
            Some(false) => "MISS",
            None => "",
        };
        let found = format!("{:.3}", bar.found);
        table.row([bar.measure.into(), found, bar.limit.unwrap_or("-").into(), verdict.into(), bar.detail.clone()]);
    }
    table.say();
}
