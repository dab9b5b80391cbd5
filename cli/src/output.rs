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

#[cfg(test)]
mod tests {
    use super::*;

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
