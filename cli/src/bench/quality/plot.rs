//! What was measured of a film, over its time.

use media::chart::{Chart, Mark, Panel, Series};
use shared::measure::film::Measured;

use super::Film;

/// The chart of one film.
pub(super) fn of(title: &str, film: &Film) -> Chart {
    let fps = film.truth.fps;
    let seconds = |frame: usize| frame as f64 / fps;
    let line = |name: &str, values: Vec<f64>| {
        let points = values.into_iter().enumerate().map(|(frame, value)| (seconds(frame), value)).collect();
        Series { name: name.into(), mark: Mark::Line, points }
    };
    let all = |name: &str, of: fn(&Measured) -> f64| line(name, film.frames.iter().map(of).collect());
    let panel = |title: &str, range, limit, series| Panel { title: title.into(), range, limit, series };
    let against = match &film.truth.opening {
        Some(truth) => line("truth", truth.clone()),
        None => line("loudness / 10", film.truth.loudness.iter().map(|level| level / 10.0).collect()),
    };
    let turns = vec![
        all("yaw", |frame| frame.turn.yaw),
        all("pitch", |frame| frame.turn.pitch),
        all("roll", |frame| frame.turn.roll),
    ];
    let eyes = all("", |frame| frame.eyes.unwrap_or(f64::NAN));
    Chart {
        title: title.into(),
        seconds: seconds(film.frames.len()),
        panels: vec![
            panel(
                "opening of the mouth / face",
                (0.0, 0.05),
                None,
                vec![all("measured", |frame| frame.opening), against],
            ),
            panel("turn of the head, degrees", (-5.0, 5.0), None, turns),
            panel("eyes, likeness", (0.0, 1.0), None, vec![eyes]),
            panel("colour error of the face, of 255", (0.0, 6.0), Some(4.0), vec![all("", |frame| frame.identity)]),
            panel(
                "background change, of 255",
                (0.0, 1.5),
                Some(1.0),
                vec![all("", |f| f.background.unwrap_or(f64::NAN))],
            ),
            panel("sharpness / portrait", (0.5, 1.2), None, vec![all("", |frame| frame.sharpness)]),
        ],
    }
}
