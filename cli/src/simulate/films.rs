//! Films without portrait and voice, for simulations.

use std::{collections::HashMap, sync::Arc, time::Duration};

use coordinator::simulate::Film;
use shared::{
    Error, Fps, Order, Plan, Result, Shape, Terms,
    job::{Input, Settings},
    pauses::{Pause, Pauses, RATE},
    seams::{self, Continuity, Cutting, Score},
};

use crate::{
    args::{numbers::length, simulate::SimulateArgs},
    batch::table::{self, Cells},
};

/// The films of a simulation at the most.
const MOST: u32 = 10_000;

/// Makes films of one shape.
pub(super) struct Maker {
    pub(super) fps: Fps,
    pub(super) clip_frames: u32,
    pub(super) segment_clips: u32,
    pub(super) part_segments: u32,
    pub(super) seed: u64,
}

/// What one row of a table asks for.
struct Row {
    length: Duration,
    count: u32,
    terms: Terms,
    arrives: Duration,
    continuity: Continuity,
    chain: Duration,
}

impl Maker {
    /// The films that are asked for.
    pub(super) fn films(&self, args: &SimulateArgs) -> Result<Vec<Film>> {
        let rows = match &args.jobs {
            None => vec![Row {
                length: args.film.unwrap_or(Duration::from_hours(1)),
                count: 1,
                terms: Terms::default(),
                arrives: Duration::ZERO,
                continuity: args.continuity.unwrap_or_default(),
                chain: args.chain_seconds,
            }],
            Some(file) => {
                let read = |(line, cells)| row(cells, args).map_err(|e| at_line(&e, &file.display().to_string(), line));
                table::read(file)?.into_iter().map(read).collect::<Result<_>>()?
            }
        };
        if rows.iter().map(|row| u64::from(row.count)).sum::<u64>() > u64::from(MOST) {
            return Err(Error::order(format!("more than {MOST} films are simulated")).mend("simulate fewer at once"));
        }
        let (mut films, mut plans) = (Vec::new(), HashMap::new());
        for row in &rows {
            let key = (row.length, row.continuity, row.chain);
            let plan = match plans.get(&key) {
                Some(plan) => Arc::clone(plan),
                None => Arc::clone(plans.entry(key).or_insert(Arc::new(self.plan(row)?))),
            };
            for _ in 0..row.count {
                films.push(self.film(&plan, row, films.len() as u64));
            }
        }
        Ok(films)
    }

    /// Seams are laid as for a real film, in the pauses of a speech that nobody hears.
    fn plan(&self, row: &Row) -> Result<Plan> {
        let frames = self.fps.frames_covering(row.length.as_millis() as u64, 1000);
        let Self { fps, clip_frames, segment_clips, part_segments, .. } = *self;
        let shape = Shape { frames, clip_frames, segment_clips, part_segments };
        let chain_seconds = row.chain.as_secs_f64().round() as u32;
        let cutting = Cutting { continuity: row.continuity, chain_seconds, ..Cutting::default() };
        let pauses = self.pauses(row.length);
        let seams = seams::lay(cutting, &Score { shape, fps, pauses: Some(&pauses), shots: &[] })?;
        Plan::cut(shape, &seams::cuts(&seams, cutting, &shape))
    }

    /// Phrases of half a second to three and a half, and pauses of 0.15 to 0.75 s between them.
    fn pauses(&self, length: Duration) -> Pauses {
        let samples = |seconds: f64| (seconds * f64::from(RATE)) as u64;
        let end = samples(length.as_secs_f64());
        let (mut pauses, mut at) = (Vec::new(), 0);
        for number in 0.. {
            let start = at + samples(0.5 + 3.0 * self.chance(2 * number));
            at = start + samples(0.15 + 0.6 * self.chance(2 * number + 1));
            if at >= end {
                break;
            }
            pauses.push(Pause { start, end: at, depth: 30.0 });
        }
        Pauses { pauses, lulls: Vec::new() }
    }

    /// A number from 0 to 1 for each number (the finaliser of `SplitMix64`).
    fn chance(&self, number: u64) -> f64 {
        let mut z = self.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn film(&self, plan: &Arc<Plan>, row: &Row, number: u64) -> Film {
        let input = |name: &str| Input { name: name.into(), sha256: "0".repeat(64) };
        let order = Order {
            portrait: input("portrait.png"),
            audio: input("speech.wav"),
            samples: row.length.as_millis() as u64,
            sample_rate: 1000,
            fps: self.fps,
            model: "simulated".into(),
            model_digest: "0".repeat(64),
            seed: self.seed.wrapping_add(number),
            shape: plan.shape,
            cuts: plan.cuts.clone(),
            retake: None,
            settings: Settings::default(),
        };
        Film { order, terms: row.terms.clone(), plan: Arc::clone(plan), arrives: row.arrives }
    }
}

fn at_line(error: &Error, file: &str, line: u64) -> Error {
    let told = Error::order(format!("{file}, line {line}: {error}"));
    match error.mending() {
        Some(mend) => told.mend(mend),
        None => told,
    }
}

fn row(mut cells: Cells, args: &SimulateArgs) -> Result<Row> {
    let typed = |name: &str, text: &str, why: String| Error::order(format!("{name} \"{text}\": {why}"));
    let long = |name: &str, text: &str| length(text).map_err(|why| typed(name, text, why));
    let film = cells.remove("length").ok_or_else(|| Error::order("there is no length").mend("give one, such as 1h"))?;
    let count = cells.remove("count").map_or(Ok(1), |text| {
        let count = text.parse::<u32>().ok().filter(|count| (1..=MOST).contains(count));
        count.ok_or_else(|| typed("count", &text, format!("give a number from 1 to {MOST}")))
    })?;
    let mut terms = Terms::default();
    if let Some(tenant) = cells.remove("tenant") {
        terms.tenant = tenant.parse()?;
    }
    if let Some(priority) = cells.remove("priority") {
        terms.priority = priority.parse()?;
    }
    let arrives = match cells.remove("arrival") {
        Some(text) if text != "0" => long("arrival", &text)?,
        _ => Duration::ZERO,
    };
    let continuity = match cells.remove("continuity") {
        Some(text) => text.parse()?,
        None => args.continuity.unwrap_or_default(),
    };
    let chain = cells.remove("chain_seconds").map_or(Ok(args.chain_seconds), |text| long("chain_seconds", &text))?;
    match cells.keys().next() {
        None => Ok(Row { length: long("length", &film)?, count, terms, arrives, continuity, chain }),
        Some(other) => Err(Error::order(format!("the column \"{other}\" is not known"))
            .mend("the columns are length, count, tenant, priority, arrival, continuity and chain_seconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn args(words: &str) -> SimulateArgs {
        let words = ["emofarm", "simulate"].into_iter().chain(words.split_whitespace());
        let cli = crate::args::Cli::try_parse_from(words).unwrap();
        let crate::args::Command::Simulate(args) = cli.command else { panic!("not simulate") };
        args
    }

    fn maker(seed: u64) -> Maker {
        Maker { fps: Fps::PAL, clip_frames: 12, segment_clips: 4, part_segments: 2, seed }
    }

    #[test]
    fn an_hour_is_cut_into_chains_of_about_their_length() {
        let films = maker(7).films(&args("--film 1h --chain-seconds 30")).unwrap();
        let [film] = &films[..] else { panic!("{}", films.len()) };
        film.plan.check().unwrap();
        assert_eq!((film.plan.shape.frames, film.plan.cuts.seams.len()), (90_000, 119));
        for pair in film.plan.cuts.seams.windows(2) {
            // Each may move by a fifth of a chain.
            assert!((450..=1050).contains(&(pair[1] - pair[0])), "{pair:?}");
        }
        let seams = |seed| maker(seed).films(&args("--film 1h")).unwrap()[0].plan.cuts.seams.clone();
        assert_eq!(seams(7), film.plan.cuts.seams);
        assert_ne!(seams(8), film.plan.cuts.seams);
        assert_eq!(film.order.plan().unwrap(), *film.plan);
    }

    #[test]
    fn continuity_decides_how_many_chains_there_are() {
        let chains = |words: &str| maker(1).films(&args(words)).unwrap()[0].plan.cuts.seams.len() + 1;
        assert_eq!(chains("--film 1h --continuity strict"), 1);
        assert_eq!((chains("--film 60s"), chains("--film 61s"), chains("--film 61s --continuity strict")), (1, 2, 1));
        assert_eq!(chains("--film 50s --continuity anchored --chain-seconds 10"), 5);
        // 36 frames from seam to seam at the least, and a quarter of room.
        assert_eq!(chains("--film 50s --continuity parallel"), 27);
        assert_eq!(chains("--film 1s --continuity parallel"), 1);
    }

    #[test]
    fn a_table_of_jobs_becomes_films() {
        let dir = tempfile::tempdir().unwrap();
        let films = |name: &str, text: &str| {
            let file = dir.path().join(name);
            std::fs::write(&file, text).unwrap();
            maker(1).films(&args(&format!("--jobs {}", file.display())))
        };
        let text =
            "length,count,tenant,priority,arrival,continuity,chain_seconds\n3min,2,anna,urgent,10min,,60\n50s,,,,,,\n";
        let made = films("jobs.csv", text).unwrap();
        let [first, second, third] = &made[..] else { panic!("not three") };
        assert_eq!((first.terms.tenant.as_str(), first.terms.priority.number()), ("anna", 100));
        assert_eq!((first.arrives, first.plan.cuts.seams.len()), (Duration::from_mins(10), 2));
        assert!(Arc::ptr_eq(&first.plan, &second.plan) && first.order.job_id() != second.order.job_id());
        assert!(third.terms.tenant.is_house() && third.plan.cuts.is_one_chain() && third.arrives.is_zero());
        let wrong = [
            ("count", "length,count\n1h,0\n"),
            ("colour", "length,colour\n1h,red\n"),
            ("no length", "count\n3\n"),
            ("continuity", "length,continuity\n1h,loose\n"),
            ("more than", "length,count\n1s,9999\n1s,2\n"),
        ];
        for (what, text) in wrong {
            let error = films("wrong.csv", text).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert_eq!(films("jobs.jsonl", "{\"length\": \"1min\", \"count\": 3}\n").unwrap().len(), 3);
    }
}
