//! A film's quality over its time.

use media::chart::{Chart, Mark, Panel, Series};
use shared::quality::{PartQuality, Quality, Summary, follows};

use super::Film;

/// Seconds over which the mouth is compared with the speech.
const WINDOW: f64 = 10.0;

/// The chart.
pub(super) fn of(film: &Film, summary: &Summary) -> Chart {
    let runs = runs(film);
    let end = film.records.iter().map(|record| record.frames.end).max().unwrap_or(0);
    let seconds = |frame: u64| film.fps.seconds(frame);
    let line = |of: &dyn Fn(&PartQuality) -> Option<f32>| {
        let point = |(first, run): &(u64, &PartQuality)| (seconds(*first), of(run).map_or(f64::NAN, f64::from));
        runs.iter().map(point).collect::<Vec<_>>()
    };
    let lone = |title: &str, range, limit, points| {
        let series = vec![Series { name: String::new(), mark: Mark::Line, points }];
        Panel { title: title.into(), range, limit, series }
    };
    let seams = summary.seams.iter().map(|seam| (seconds(seam.frame), f64::from(seam.score))).collect();
    let [correlation, lag] = mouth(film, &runs);
    let mouth = Series { name: "correlation".into(), mark: Mark::Line, points: correlation };
    Chart {
        title: format!(
            "job {}, {} clips, {} rendered again",
            &film.job.as_str()[..8],
            summary.clips,
            summary.rendered_again
        ),
        seconds: seconds(end),
        panels: vec![
            lone("sharpness of the face / portrait", (0.5, 1.1), None, line(&|run| run.sharpness)),
            lone("distance of the colour from the portrait", (0.0, 0.06), None, line(&|run| run.colour)),
            lone("flicker of the background", (0.0, 0.01), None, line(&|run| Some(run.flicker))),
            Panel {
                title: "seam scores between chains".into(),
                range: (0.0, 2.0),
                limit: Some(1.2),
                series: vec![Series { name: String::new(), mark: Mark::Dots, points: seams }],
            },
            Panel { title: "mouth and speech over 10 s".into(), range: (0.0, 1.0), limit: None, series: vec![mouth] },
            Panel {
                title: "frames that the mouth is late".into(),
                range: (-5.0, 5.0),
                limit: None,
                series: vec![Series { name: String::new(), mark: Mark::Dots, points: lag }],
            },
        ],
    }
}

/// Runs of frames that were encoded, by their first frames.
fn runs(film: &Film) -> Vec<(u64, &PartQuality)> {
    let all = film.records.iter().filter_map(|record| match &record.quality {
        Quality::Part(part) => Some((record.frames.start, part)),
        Quality::Clip(_) => None,
    });
    let mut runs: Vec<_> = all.collect();
    runs.sort_by_key(|(first, _)| *first);
    runs
}

/// The correlation and the lag in window after window. Runs that a gap lies between are not compared across it.
fn mouth(film: &Film, runs: &[(u64, &PartQuality)]) -> [Vec<(f64, f64)>; 2] {
    let size = (WINDOW * film.fps.as_f64()).ceil() as u64;
    let (mut correlation, mut lag) = (Vec::new(), Vec::new());
    for window in runs.chunk_by(|a, b| a.0 / size == b.0 / size) {
        let of = |series: fn(&PartQuality) -> &Vec<f32>| {
            window.iter().flat_map(|(_, run)| series(run)).copied().collect::<Vec<_>>()
        };
        let at = film.fps.seconds(window[0].0) + WINDOW / 2.0;
        match follows(&of(|run| &run.mouth), &of(|run| &run.speech)) {
            Some(found) => {
                correlation.push((at, f64::from(found.correlation)));
                lag.push((at, f64::from(found.lag)));
            }
            None => correlation.push((at, f64::NAN)),
        }
    }
    [correlation, lag]
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Fps, Frames, TaskId, quality::Measured};

    #[test]
    fn every_measure_has_its_panel_and_points() {
        let run = |start: u64| {
            let wave = |i: u64| ((i * i % 23) as f32) / 23.0;
            let part = PartQuality {
                seam: (start == 120).then_some(0),
                sharpness: Some(0.9),
                colour: Some(0.02),
                moved: vec![Some(0.01); 12],
                mouth: (start..start + 12).map(wave).collect(),
                speech: (start..start + 12).map(wave).collect(),
                ..PartQuality::default()
            };
            Measured {
                task: TaskId::from_text("x"),
                frames: Frames::new(start, start + 12),
                quality: Quality::Part(part),
            }
        };
        let records = (0..50).map(|place| run(place * 12)).collect();
        let film = Film { job: "0".repeat(32).parse().unwrap(), fps: Fps::PAL, records };
        let chart = of(&film, &Summary::of(&film.records, film.fps));
        let points: Vec<usize> = chart.panels.iter().map(|panel| panel.series[0].points.len()).collect();
        assert_eq!(points, [50, 50, 50, 1, 3, 3]);
        assert!((chart.seconds - 24.0).abs() < 1e-9);
        assert!(
            (chart.panels[4].series[0].points[0].1 - 1.0).abs() < 1e-6 && chart.panels[5].series[0].points[0].1 == 0.0
        );
    }
}
