//! What goes to standard output, and words for numbers that people read.

use std::io::Write as _;

/// Prints a line like `println!`, but takes a reader who has gone (`emofarm plan … | head`) for the end, not for a fault.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::output::bytes_out(format!("{}\n", format_args!($($text)*)).as_bytes())
    };
}

/// Prints a line on standard error; that nobody reads it is no reason to stop.
pub(crate) fn note(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes to standard output; ends the program quietly when nobody reads it any more.
pub(crate) fn bytes_out(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(i32::from(crate::exit::DONE));
    }
}

/// Bytes in the unit that fits.
pub(crate) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// Seconds as `8.0 s`, `12 min 03 s` or `1 h 02 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// A count with its noun in the right number.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Rows in columns that are as wide as they must be; the last one may be of any length.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these heads and no rows yet.
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|&head| head.to_owned()).collect()] }
    }

    /// Adds a row. Whatever could change the terminal is shown as a question mark.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let plain = |cell: String| cell.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        self.rows.push(cells.into_iter().map(plain).collect());
    }

    /// Prints it.
    pub(crate) fn say(&self) {
        for line in self.lines() {
            say!("{line}");
        }
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        self.rows.iter().map(move |row| {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            cells.join("  ").trim_end().to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_and_nothing_reaches_the_terminal() {
        let mut table = Table::new(&["job", "state"]);
        table.row(["ünlü".into(), "done".into()]);
        table.row(["\u{1b}[2J".into(), "failed".into()]);
        let lines: Vec<String> = table.lines().collect();
        assert_eq!(lines, ["job   state", "ünlü  done", "?[2J  failed"]);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes(17), "17 B");
        assert_eq!(bytes(24 * 1024 * 1024), "24.0 MiB");
        assert_eq!(duration(8.04), "8.0 s");
        assert_eq!(duration(723.0), "12 min 03 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
        assert_eq!(count(1, "frame"), "1 frame");
        assert_eq!(count(2, "part"), "2 parts");
    }
}
