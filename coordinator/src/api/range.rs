//! Which bytes of a file are wanted (RFC 9110, section 14).

/// What a `Range` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Everything: there is no range, or one that need not be honoured.
    All,
    /// Bytes `from..to`.
    Part { from: u64, to: u64 },
    /// Bytes that the file does not have.
    Nothing,
}

/// Reads a `Range` header for a file of `size` bytes. Several ranges at once are answered with the whole file, as the
/// standard allows.
pub(crate) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(range) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else { return Wanted::All };
    let Some((first, last)) = range.split_once('-').filter(|_| !range.contains(',')) else { return Wanted::All };
    let number = |text: &str| text.trim().parse::<u64>();
    let (from, to) = match (first.trim().is_empty(), last.trim().is_empty()) {
        (true, true) => return Wanted::All,
        // The last so many bytes.
        (true, false) => match number(last) {
            Ok(n) => (size.saturating_sub(n), if n == 0 { 0 } else { size }),
            Err(_) => return Wanted::All,
        },
        (false, open) => match (number(first), if open { Ok(u64::MAX) } else { number(last) }) {
            (Ok(from), Ok(last)) if from <= last => (from, last.saturating_add(1).min(size)),
            _ => return Wanted::All,
        },
    };
    if from < to { Wanted::Part { from, to } } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let part = |from, to| Wanted::Part { from, to };
        let table = [
            (None, Wanted::All),
            (Some("bytes=0-0"), part(0, 1)),
            (Some("bytes=2-5"), part(2, 6)),
            (Some("bytes=2-"), part(2, 10)),
            (Some("bytes=-3"), part(7, 10)),
            (Some("bytes=-30"), part(0, 10)),
            (Some("bytes=5-99"), part(5, 10)),
            (Some("bytes=10-"), Wanted::Nothing),
            (Some("bytes=-0"), Wanted::Nothing),
            (Some("bytes=5-2"), Wanted::All),
            (Some("bytes=0-1,3-4"), Wanted::All),
            (Some("bytes=-"), Wanted::All),
            (Some("bytes=a-b"), Wanted::All),
            (Some("frames=0-1"), Wanted::All),
            (Some("bytes=0-18446744073709551615"), part(0, 10)),
        ];
        for (header, expected) in table {
            assert_eq!(wanted(header, 10), expected, "{header:?}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
    }
}
