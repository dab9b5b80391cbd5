//! The chart: workers over time above, and below which frames of which film were worked on when.

use coordinator::simulate::{Film, Record, Report, Spell};
use media::canvas::{Canvas, Colour};
use shared::{Result, Timecode};

use super::bands::{Band, ENCODED, RENDERED, columns};
use crate::output::{count, duration};

const SIZE: [u32; 2] = [1600, 1000];
const LEFT: f64 = 110.0;
const RIGHT: f64 = 1560.0;
/// Top and bottom of the panel of workers.
const CREW: [f64; 2] = [90.0, 330.0];
/// Top and bottom of the panel of films.
const FILMS: [f64; 2] = [380.0, 910.0];

const PAPER: Colour = [255, 255, 255];
const INK: Colour = [40, 44, 52];
const FAINT: Colour = [120, 126, 136];
const LINE: Colour = [226, 229, 234];
const IDLE: Colour = [236, 238, 242];

/// Films whose frames are drawn as rendered and encoded, too; in more of them nobody could see it.
const FEW: usize = 20;

/// Draws what happened as a PNG.
pub(super) fn draw(record: &Record, report: &Report, films: &[Film]) -> Result<Vec<u8>> {
    let mut chart = Chart { canvas: Canvas::new(SIZE[0], SIZE[1], PAPER), record, end: report.makespan.max(1e-3) };
    chart.title(report);
    chart.crew();
    chart.films(films);
    chart.times();
    chart.legend();
    chart.canvas.png()
}

struct Chart<'a> {
    canvas: Canvas,
    record: &'a Record,
    /// Seconds from the left to the right.
    end: f64,
}

impl Chart<'_> {
    fn title(&mut self, report: &Report) {
        let lanes = report.lanes.iter().map(|lane| format!("{} {}", lane.workers, lane.who));
        let title = format!("{}, {}", count(report.films as u64, "film"), lanes.collect::<Vec<_>>().join(", "));
        self.canvas.text([LEFT, 22.0], 3, INK, &title);
        let bound = &report.bound;
        let below = format!(
            "done in {}, {:.3} times the bound of {}",
            duration(report.makespan),
            bound.ratio,
            duration(bound.seconds)
        );
        self.canvas.text([LEFT, 54.0], 2, FAINT, &below);
    }

    /// Stacked areas: what the workers were at, and idle ones above.
    fn crew(&mut self) {
        let columns = columns(self.record, (RIGHT - LEFT) as usize);
        let live = columns.iter().map(|column| column.live).fold(1.0, f64::max);
        let high = (CREW[1] - CREW[0]) / live;
        for (at, column) in columns.iter().enumerate() {
            let (x, mut y) = (LEFT + at as f64, CREW[1]);
            self.canvas.rect([x, y - column.live * high], [x + 1.0, y], IDLE);
            for band in Band::ALL {
                let top = y - column.busy[band as usize] * high;
                self.canvas.rect([x, top], [x + 1.0, y], band.colour());
                y = top;
            }
        }
        let step = nice(live / 4.0);
        let mut workers = step;
        while workers <= live + 0.5 {
            let y = CREW[1] - workers * high;
            self.canvas.rect([LEFT - 6.0, y], [LEFT, y + 1.0], FAINT);
            self.label_left(y, &format!("{workers:.0}"));
            workers += step;
        }
        self.canvas.text([12.0, CREW[0] - 26.0], 2, FAINT, "workers");
    }

    /// A row for each film, in it the frames from top to bottom and time from left to right.
    fn films(&mut self, films: &[Film]) {
        let row = (FILMS[1] - FILMS[0]) / self.record.films().max(1) as f64;
        self.canvas.rect([LEFT, FILMS[0]], [RIGHT, FILMS[1]], [248, 249, 251]);
        let few = films.len() <= FEW;
        for spell in &self.record.spells {
            self.spell(spell, row, few);
        }
        if let [film] = films {
            let (frames, fps) = (self.record.frames(0), film.order.fps);
            for quarter in 0..=4_u64 {
                let frame = frames * quarter / 4;
                let y = FILMS[0] + (FILMS[1] - FILMS[0]) * quarter as f64 / 4.0;
                let name = Timecode { frame, fps }.to_string();
                self.label_left(y, &name[..name.len().saturating_sub(3)]);
            }
            self.canvas.text([12.0, FILMS[0] - 26.0], 2, FAINT, "place in the film");
        } else {
            self.label_left(FILMS[0] + 7.0, "1");
            self.label_left(FILMS[1] - 7.0, &films.len().to_string());
            self.canvas.text([12.0, FILMS[0] - 26.0], 2, FAINT, "films");
        }
    }

    /// An attempt, and with `after` what became of its frames from then on: rendered, or encoded.
    fn spell(&mut self, spell: &Spell, row: f64, after: bool) {
        let band = Band::of(self.record, spell);
        let frames = self.record.frames(spell.film as usize).max(1) as f64;
        let top = FILMS[0] + row * f64::from(spell.film);
        let of = self.record.kind(spell).and_then(shared::TaskKind::frames);
        let [from, to] = of.map_or([0.0, 1.0], |of| [of.start as f64 / frames, of.end as f64 / frames]);
        let [x0, x1] = [self.x(spell.taken.0), self.x(spell.ended.0)];
        let [y0, y1] = [top + row * from, top + row * to];
        if let Some(colour) = band.made().filter(|_| after) {
            self.canvas.rect([x1, y0], [RIGHT, y1], colour);
        }
        // Nothing is thinner than half a pixel: single parts of long films are seen.
        self.canvas.rect([x0, y0], [x1.max(x0 + 0.5), y1.max(y0 + 0.5)], band.colour());
    }

    fn x(&self, at: i64) -> f64 {
        LEFT + (RIGHT - LEFT) * ((at - self.record.began.0) as f64 / 1000.0 / self.end).clamp(0.0, 1.0)
    }

    fn times(&mut self) {
        let step = nice_seconds(self.end / 8.0);
        let mut at = 0.0;
        while at <= self.end {
            let x = LEFT + (RIGHT - LEFT) * at / self.end;
            for [top, bottom] in [CREW, FILMS] {
                self.canvas.rect([x, top], [x + 1.0, top + 4.0], LINE);
                self.canvas.rect([x, bottom], [x + 1.0, bottom + 6.0], FAINT);
            }
            let name = clock(at, step);
            let left = (x - Canvas::width_of(&name, 2) / 2.0).min(RIGHT - Canvas::width_of(&name, 2));
            self.canvas.text([left, FILMS[1] + 12.0], 2, FAINT, &name);
            at += step;
        }
    }

    fn legend(&mut self) {
        let mut x = LEFT;
        let more = [("idle", IDLE), ("rendered", RENDERED), ("encoded", ENCODED)];
        for (name, colour) in Band::ALL.map(|band| (band.name(), band.colour())).into_iter().chain(more) {
            self.canvas.rect([x, 958.0], [x + 22.0, 974.0], colour);
            self.canvas.text([x + 30.0, 959.0], 2, INK, name);
            x += 30.0 + Canvas::width_of(name, 2) + 30.0;
        }
    }

    fn label_left(&mut self, y: f64, text: &str) {
        self.canvas.text([LEFT - 12.0 - Canvas::width_of(text, 2), y - 7.0], 2, FAINT, text);
    }
}

/// The next of 1, 2, 5, 10, 20, … that is not below `step`.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.max(1.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|nice| *nice >= step.max(1.0)).unwrap_or(step)
}

/// The next step of a clock that is not below `step` seconds.
fn nice_seconds(step: f64) -> f64 {
    let steps = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0];
    steps.into_iter().find(|nice| *nice >= step).unwrap_or_else(|| nice(step / 3600.0) * 3600.0)
}

/// Seconds as a label of the axis of time.
fn clock(at: f64, step: f64) -> String {
    let at = at.round() as u64;
    match step {
        step if step < 60.0 => format!("{}:{:02}", at / 60, at % 60),
        step if step < 3600.0 => format!("{} min", at / 60),
        _ => format!("{} h", at / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        let whole = |numbers: [f64; 5]| numbers.map(|number| number.round() as u32);
        assert_eq!(whole([0.2, 1.0, 1.2, 16.0, 51.0].map(nice)), [1, 1, 2, 20, 100]);
        assert_eq!(whole([0.5, 7.0, 61.0, 5000.0, 11_000.0].map(nice_seconds)), [1, 10, 120, 7200, 18_000]);
        assert_eq!((clock(75.0, 15.0), clock(600.0, 300.0)), ("1:15".into(), "10 min".into()));
        assert_eq!(clock(7200.0, 3600.0), "2 h");
    }
}
