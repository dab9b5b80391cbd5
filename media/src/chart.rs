//! Plain charts as PNG: panels over one time axis, with lines and dots.

mod font;

use std::{io::Cursor, path::Path};

use image::{DynamicImage, ImageFormat, RgbImage};
use shared::{Error, Picture, Result};

/// Edges of a chart and of a panel in it, in pixels.
const WIDTH: u32 = 1200;
const PANEL: u32 = 190;
const LEFT: u32 = 90;
const RIGHT: u32 = 24;
const TOP: u32 = 44;
const BOTTOM: u32 = 40;
/// Room above a panel for its title, and below it.
const HEAD: u32 = 28;
const FOOT: u32 = 12;
/// Pixels of a dot of the font.
const SCALE: u32 = 2;

const PAPER: [u8; 3] = [255, 255, 255];
const INK: [u8; 3] = [40, 40, 40];
const GRID: [u8; 3] = [225, 225, 225];
const LIMIT: [u8; 3] = [200, 60, 40];

/// Colours that tell series apart, also for most people who see fewer colours (Okabe and Ito, "Color universal design", 2008).
pub const COLOURS: [[u8; 3]; 4] = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167]];

/// How the points of a series are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Joined to a line.
    Line,
    /// Each on its own.
    Dots,
}

/// Points of one kind.
#[derive(Clone, Debug)]
pub struct Series {
    /// What they are, in few words.
    pub name: String,
    /// How they are drawn.
    pub mark: Mark,
    /// Seconds and values, in the order of time. What is no number is left out, and ends a line.
    pub points: Vec<(f64, f64)>,
}

/// A part of a chart with a scale of its own.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// The lowest and the highest value that are in it in any case.
    pub range: (f64, f64),
    /// A value that is to be seen as a limit.
    pub limit: Option<f64>,
    /// What is drawn, at most as many as there are [`COLOURS`].
    pub series: Vec<Series>,
}

/// Panels over one time axis.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// Length of the time axis in seconds.
    pub seconds: f64,
    /// From the top.
    pub panels: Vec<Panel>,
}

impl Chart {
    /// The picture: 1200 pixels wide, about 190 high for each panel.
    pub fn draw(&self) -> Picture {
        let height = TOP + PANEL * self.panels.len() as u32 + BOTTOM;
        let mut sheet = Sheet { picture: Picture::black(WIDTH, height) };
        sheet.fill(0, 0, WIDTH, height, PAPER);
        sheet.write(LEFT, 14, &self.title, INK);
        let seconds = if self.seconds > 0.0 { self.seconds } else { 1.0 };
        for (place, panel) in (0..).zip(&self.panels) {
            let frame = Frame::new(panel, TOP + PANEL * place, seconds);
            frame.draw(&mut sheet, panel);
        }
        let under = TOP + PANEL * self.panels.len() as u32;
        for second in moments(seconds) {
            let text = clock(second);
            let x = across(second / seconds).saturating_sub(wide(&text) / 2);
            sheet.write(x.min(WIDTH - wide(&text)), under, &text, INK);
        }
        sheet.picture
    }

    /// Writes the picture as a PNG.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let picture = self.draw();
        let cannot = || Error::order(format!("the chart cannot be written to {}", path.display()));
        let image =
            RgbImage::from_raw(picture.width(), picture.height(), picture.data().to_vec()).ok_or_else(cannot)?;
        let mut png = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(image).write_to(&mut png, ImageFormat::Png).map_err(|e| cannot().from_source(e))?;
        std::fs::write(path, png.into_inner())
            .map_err(|e| cannot().from_source(e).mend("give a file in a directory that exists and can be written to"))
    }
}

/// The column of a share of the time axis.
fn across(share: f64) -> u32 {
    LEFT + (share.clamp(0.0, 1.0) * f64::from(WIDTH - LEFT - RIGHT - 1)).round() as u32
}

/// Pixels that a text takes.
fn wide(text: &str) -> u32 {
    text.chars().count() as u32 * (font::WIDTH + 1) * SCALE
}

/// Seconds as minutes and seconds, or as hours and minutes from one hour on.
fn clock(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if whole < 3600 {
        format!("{}:{:02}", whole / 60, whole % 60)
    } else {
        format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
    }
}

/// Four to eight round values from `low` to `high`.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 6.0;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough).max(f64::MIN_POSITIVE);
    let first = (low / step).ceil();
    let count = ((high / step + 1e-9).floor() - first).clamp(0.0, 20.0) as u32;
    (0..=count).map(|place| (first + f64::from(place)) * step).collect()
}

/// Moments that a clock marks, up to some seconds: full minutes and not each fifty seconds.
fn moments(seconds: f64) -> Vec<f64> {
    const STEPS: [u32; 17] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];
    let Some(step) = STEPS.into_iter().find(|step| f64::from(*step) >= seconds / 6.0) else {
        return ticks(0.0, seconds);
    };
    (0..=(seconds / f64::from(step) + 1e-9).floor() as u32).map(|place| f64::from(place * step)).collect()
}

/// Where a panel lies, and its scale.
struct Frame {
    top: u32,
    bottom: u32,
    low: f64,
    high: f64,
    seconds: f64,
}

impl Frame {
    fn new(panel: &Panel, top: u32, seconds: f64) -> Self {
        let values = panel.series.iter().flat_map(|series| &series.points).map(|(_, y)| *y);
        let all = values.chain(panel.limit).filter(|y| y.is_finite());
        let (low, high) = all.fold(panel.range, |(low, high), y| (low.min(y), high.max(y)));
        let room = ((high - low) * 0.05).max(1e-6);
        let low = if low == 0.0 { 0.0 } else { low - room };
        Self { top: top + HEAD, bottom: top + PANEL - FOOT, low, high: high + room, seconds }
    }

    fn row(&self, value: f64) -> u32 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.bottom - (share * f64::from(self.bottom - self.top)).round() as u32
    }

    fn draw(&self, sheet: &mut Sheet, panel: &Panel) {
        for value in ticks(self.low, self.high) {
            let (row, text) = (self.row(value), number(value, self.high - self.low));
            sheet.fill(LEFT, row, WIDTH - LEFT - RIGHT, 1, GRID);
            sheet.write(LEFT - 10 - wide(&text).min(LEFT - 10), row.saturating_sub(font::HEIGHT), &text, INK);
        }
        for second in moments(self.seconds) {
            sheet.fill(across(second / self.seconds), self.top, 1, self.bottom - self.top, GRID);
        }
        if let Some(limit) = panel.limit {
            sheet.fill(LEFT, self.row(limit), WIDTH - LEFT - RIGHT, 1, LIMIT);
        }
        sheet.fill(LEFT, self.top, 1, self.bottom - self.top, INK);
        sheet.fill(LEFT, self.bottom, WIDTH - LEFT - RIGHT, 1, INK);
        sheet.write(LEFT, self.top - font::HEIGHT * SCALE - 6, &panel.title, INK);
        let mut right = WIDTH - RIGHT;
        for (series, colour) in panel.series.iter().zip(COLOURS).rev() {
            self.series(sheet, series, colour);
            right = right.saturating_sub(wide(&series.name) + 24);
            sheet.write(right, self.top - font::HEIGHT * SCALE - 6, &series.name, colour);
        }
    }

    fn series(&self, sheet: &mut Sheet, series: &Series, colour: [u8; 3]) {
        let mut before = None;
        for (second, value) in &series.points {
            if !value.is_finite() {
                before = None;
                continue;
            }
            let at = (across(second / self.seconds), self.row(*value));
            match (series.mark, before) {
                (Mark::Line, Some(before)) => sheet.line(before, at, colour),
                _ => sheet.fill(at.0.saturating_sub(2), at.1.saturating_sub(2), 4, 4, colour),
            }
            before = Some(at);
        }
    }
}

/// A value with as many digits as its scale needs.
fn number(value: f64, scale: f64) -> String {
    let digits = (1.0 - scale.log10().floor()).clamp(0.0, 4.0) as usize;
    format!("{value:.digits$}")
}

/// What is drawn on. What lies outside is not drawn.
struct Sheet {
    picture: Picture,
}

impl Sheet {
    fn fill(&mut self, x: u32, y: u32, w: u32, h: u32, colour: [u8; 3]) {
        let (width, height) = (self.picture.width(), self.picture.height());
        let (left, right) = (x.min(width) as usize * 3, x.saturating_add(w).min(width) as usize * 3);
        let (top, bottom) = (y.min(height) as usize, y.saturating_add(h).min(height) as usize);
        let rows = self.picture.data_mut().chunks_exact_mut(width as usize * 3);
        for row in rows.skip(top).take(bottom - top) {
            row[left..right].as_chunks_mut::<3>().0.fill(colour);
        }
    }

    /// A line two pixels thick.
    fn line(&mut self, (x0, y0): (u32, u32), (x1, y1): (u32, u32), colour: [u8; 3]) {
        let steps = x0.abs_diff(x1).max(y0.abs_diff(y1)).max(1);
        let between = |a: u32, b: u32, step: u32| {
            let (a, b, share) = (f64::from(a), f64::from(b), f64::from(step) / f64::from(steps));
            (a + (b - a) * share).round() as u32
        };
        for step in 0..=steps {
            self.fill(between(x0, x1, step), between(y0, y1, step), 2, 2, colour);
        }
    }

    fn write(&mut self, mut left: u32, top: u32, text: &str, colour: [u8; 3]) {
        for letter in text.chars() {
            for (y, row) in (0..font::HEIGHT).zip(font::glyph(letter)) {
                for x in (0..font::WIDTH).filter(|x| row >> (font::WIDTH - 1 - x) & 1 == 1) {
                    self.fill(left + x * SCALE, top + y * SCALE, SCALE, SCALE, colour);
                }
            }
            left += (font::WIDTH + 1) * SCALE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>, mark: Mark) -> Chart {
        let series = vec![Series { name: "a".into(), mark, points }];
        let panel = Panel { title: "one".into(), range: (0.0, 1.0), limit: None, series };
        Chart { title: "x".into(), seconds: 10.0, panels: vec![panel] }
    }

    /// Columns in which the first colour is found within the panel, and its rows there.
    fn coloured(picture: &Picture) -> Vec<(u32, u32)> {
        let all = (TOP + HEAD..TOP + PANEL - FOOT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
        all.filter(|(x, y)| picture.pixel(*x, *y) == Some(COLOURS[0])).collect()
    }

    #[test]
    fn a_line_goes_from_its_first_point_to_its_last() {
        let found = coloured(&chart(vec![(0.0, 0.0), (10.0, 1.0)], Mark::Line).draw());
        let (first, last) = (found.iter().min().unwrap(), found.iter().max().unwrap());
        assert!(first.0 <= LEFT && last.0 >= WIDTH - RIGHT - 2, "{first:?} {last:?}");
        assert!(first.1 > last.1 + 100, "it rises: {first:?} {last:?}");
        let columns: std::collections::BTreeSet<u32> = found.iter().map(|(x, _)| *x).collect();
        assert!(columns.len() as u32 > WIDTH - LEFT - RIGHT - 4, "without a gap");
    }

    #[test]
    fn dots_stand_alone_and_gaps_are_not_bridged() {
        let dots = coloured(&chart(vec![(2.0, 0.5), (8.0, 0.5)], Mark::Dots).draw());
        assert_eq!(dots.len(), 2 * 16);
        let gap = chart(vec![(0.0, 0.5), (1.0, f64::NAN), (9.0, 0.5), (10.0, 0.5)], Mark::Line);
        let middle = across(0.5);
        assert!(coloured(&gap.draw()).iter().all(|(x, _)| *x < middle - 300 || *x > middle + 300));
    }

    #[test]
    fn any_numbers_give_a_chart() {
        for points in [vec![], vec![(0.0, f64::INFINITY)], vec![(-5.0, 1e9), (99.0, -1e9)], vec![(1.0, 0.0)]] {
            for mark in [Mark::Line, Mark::Dots] {
                let picture = chart(points.clone(), mark).draw();
                assert_eq!((picture.width(), picture.height()), (WIDTH, TOP + PANEL + BOTTOM));
            }
        }
        let long = Chart { seconds: 0.0, panels: vec![], ..chart(vec![], Mark::Line) };
        assert_eq!(long.draw().height(), TOP + BOTTOM);
    }

    #[test]
    fn scales_are_round() {
        assert_eq!(ticks(0.0, 8.0), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(moments(240.0), [0.0, 60.0, 120.0, 180.0, 240.0]);
        assert_eq!(moments(3600.0).len(), 7, "every ten minutes");
        assert_eq!(moments(8.0), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(moments(86_400.0).len(), 7, "every four hours");
        assert_eq!([clock(65.0), clock(3725.0)], ["1:05", "1:02:05"]);
        assert_eq!([number(0.25, 0.9), number(1200.0, 5000.0)], ["0.25", "1200"]);
    }

    #[test]
    fn a_chart_is_a_png() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chart.png");
        chart(vec![(0.0, 0.0), (10.0, 1.0)], Mark::Line).save(&path).unwrap();
        let read = image::open(&path).unwrap().to_rgb8();
        assert_eq!(read.dimensions(), (WIDTH, TOP + PANEL + BOTTOM));
        let error = chart(vec![], Mark::Line).save(&dir.path().join("no/chart.png")).unwrap_err();
        assert!(error.to_string().contains("no/chart.png") && error.mending().is_some(), "{error}");
    }
}
