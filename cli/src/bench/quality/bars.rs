//! What films must hold to be good enough, and what was found.

use shared::measure::{
    numbers::{correlation, mean, quantile, rank_correlation},
    score::Score,
};

use super::Rendered;

/// One line of the table.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Bar {
    /// What is measured.
    pub(super) measure: &'static str,
    /// What was found.
    pub(super) found: f64,
    /// More, in words.
    pub(super) detail: String,
    /// What it must be; nothing for what is only told.
    pub(super) limit: Option<&'static str>,
    /// Whether it is.
    pub(super) pass: Option<bool>,
}

impl Bar {
    fn judged(measure: &'static str, found: f64, limit: &'static str, pass: bool, detail: String) -> Self {
        Self { measure, found, detail, limit: Some(limit), pass: Some(pass) }
    }

    fn told(measure: &'static str, found: f64, detail: String) -> Self {
        Self { measure, found, detail, limit: None, pass: None }
    }
}

/// Everything that can be said of the films.
pub(super) fn all(films: &Rendered) -> Vec<Bar> {
    let scores: Vec<&Score> = films.cases.iter().map(|(_, film)| &film.score).collect();
    let mut bars = Vec::new();
    bars.extend(mouths(&scores, films));
    bars.extend(pictures(&scores));
    bars.extend(speeds(films));
    bars.extend(seeds(films));
    bars
}

fn each(values: &[f64], digits: usize) -> String {
    let words: Vec<String> = values.iter().map(|x| format!("{x:.digits$}")).collect();
    format!("each: {}", words.join(" "))
}

fn mouths(scores: &[&Score], films: &Rendered) -> Vec<Bar> {
    let mut bars = Vec::new();
    let synthetic: Vec<_> = scores.iter().filter_map(|score| score.mouth).collect();
    if !synthetic.is_empty() {
        let found: Vec<f64> = synthetic.iter().map(|follows| follows.correlation).collect();
        let lags: Vec<f64> = synthetic.iter().map(|follows| f64::from(follows.lag)).collect();
        let lag = lags.iter().map(|lag| lag.abs()).fold(0.0, f64::max);
        bars.push(Bar::judged(
            "mouth against truth",
            mean(&found),
            "at least 0.90",
            mean(&found) >= 0.9,
            each(&found, 2),
        ));
        bars.push(Bar::judged("mouth lag, frames", lag, "at most 1", lag <= 1.0, each(&lags, 0)));
    }
    let recorded = films.cases.iter().filter(|(_, film)| film.truth.opening.is_none());
    let recorded: Vec<f64> = recorded.filter_map(|(_, film)| Some(film.score.energy?.at_lag)).collect();
    if !recorded.is_empty() {
        let found = mean(&recorded);
        bars.push(Bar::judged(
            "mouth against energy, recorded",
            found,
            "at least 0.60",
            found >= 0.6,
            each(&recorded, 2),
        ));
    }
    let shut: Vec<f64> = scores.iter().filter_map(|score| score.shut).collect();
    if !shut.is_empty() {
        bars.push(Bar::judged(
            "mouth shut in silence",
            mean(&shut),
            "at least 0.98",
            mean(&shut) >= 0.98,
            each(&shut, 2),
        ));
    }
    bars
}

fn pictures(scores: &[&Score]) -> Vec<Bar> {
    let of = |what: fn(&Score) -> f64| scores.iter().map(|score| what(score)).collect::<Vec<f64>>();
    let (identity, background) = (of(|s| s.identity), of(|s| s.background));
    let (sharp, drift) = (of(|s| s.sharpness), of(|s| 100.0 * s.sharpness_drift));
    let mut bars = vec![
        Bar::judged(
            "identity, colour error of 255",
            mean(&identity),
            "at most 4",
            mean(&identity) <= 4.0,
            each(&identity, 1),
        ),
        Bar::judged(
            "background change of 255",
            mean(&background),
            "at most 1",
            mean(&background) <= 1.0,
            each(&background, 2),
        ),
        Bar::told("sharpness over portrait's", mean(&sharp), each(&sharp, 2)),
        Bar::told("sharpness, first to last fifth, %", mean(&drift), each(&drift, 1)),
    ];
    let blinks: Vec<f64> = scores.iter().filter_map(|score| score.blinks).collect();
    if !blinks.is_empty() {
        bars.push(Bar::told("blinks a minute", mean(&blinks), each(&blinks, 0)));
    }
    bars
}

fn speeds(films: &Rendered) -> Vec<Bar> {
    let (asked, found): (Vec<f64>, Vec<f64>) =
        films.speeds.iter().map(|(speed, film)| (f64::from(*speed), film.score.speed)).unzip();
    if asked.len() < 2 {
        return Vec::new();
    }
    let ranks = rank_correlation(&asked, &found).unwrap_or(0.0);
    let ratio = quantile(&found, 1.0) / quantile(&found, 0.0).max(1e-6);
    let detail = format!("degrees a frame, {}", each(&found, 2));
    vec![
        Bar::judged("head speed against asked, Spearman", ranks, "at least 0.90", ranks >= 0.9, detail),
        Bar::judged("head speed, fastest over slowest", ratio, "at least 3", ratio >= 3.0, String::new()),
    ]
}

fn seeds(films: &Rendered) -> Vec<Bar> {
    let (mut lips, mut apart) = (Vec::new(), Vec::new());
    for (place, (_, one)) in films.seeds.iter().enumerate() {
        for (_, other) in &films.seeds[place + 1..] {
            let opening = |film: &super::Film| film.frames.iter().map(|frame| frame.opening).collect::<Vec<f64>>();
            lips.push(correlation(&opening(one), &opening(other)).unwrap_or(0.0));
            let degrees: Vec<f64> =
                one.frames.iter().zip(&other.frames).map(|(a, b)| a.turn.degrees_to(&b.turn)).collect();
            apart.push(mean(&degrees));
        }
    }
    if lips.is_empty() {
        return Vec::new();
    }
    let worst = format!("of {} seeds, worst pair {:.2}", films.seeds.len(), quantile(&lips, 0.0));
    let nearest = format!("nearest pair {:.2}", quantile(&apart, 0.0));
    vec![
        Bar::judged("mouths of seeds agree", mean(&lips), "at least 0.90", mean(&lips) >= 0.9, worst),
        Bar::judged("heads of seeds apart, degrees", mean(&apart), "at least 1", mean(&apart) >= 1.0, nearest),
    ]
}
