//! The headers of picture files, read before any decoder takes memory.

/// Kinds of picture files that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Jpeg,
    Png,
    Webp,
    Gif,
}

/// The kind of picture file that `bytes` are, by their first letters; the file's name does not count.
pub(super) fn kind(bytes: &[u8]) -> Option<Kind> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Kind::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Kind::Webp),
        [b'G', b'I', b'F', b'8', ..] => Some(Kind::Gif),
        _ => None,
    }
}

/// Width and height by a PNG's first chunk (W3C PNG, section 11.2.1).
pub(super) fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let (width, rest) = bytes.get(16..)?.split_first_chunk()?;
    let height = rest.first_chunk()?;
    (bytes.get(12..16)? == b"IHDR").then_some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

/// What the markers of a JPEG say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Jpeg {
    /// The frame header, where there is one.
    pub(super) frame: Option<Frame>,
    /// Whether the picture's end marker is there.
    pub(super) ends: bool,
}

/// A JPEG's frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) width: u32,
    pub(super) height: u32,
    /// 1 for grey, 3 for colour, 4 for CMYK and YCCK.
    pub(super) components: u8,
}

/// Walks over the marker segments of a JPEG (ITU-T T.81, annex B) up to the first scan.
pub(super) fn jpeg(bytes: &[u8]) -> Jpeg {
    let mut found = Jpeg::default();
    let mut at = 2;
    while let Some([0xff, marker, high, low]) = bytes.get(at..at + 4) {
        let (marker, length) = (*marker, usize::from(u16::from_be_bytes([*high, *low])));
        match marker {
            0xff => {
                at += 1;
                continue;
            }
            // All frame headers; C4, C8 and CC are tables that share the row.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => found.frame = frame(&bytes[at + 4..]),
            0xda => {
                // Scan data escapes every FF, so the end marker cannot occur inside of it.
                found.ends = bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]);
                return found;
            }
            _ => {}
        }
        at += 2 + length;
    }
    found
}

fn frame(segment: &[u8]) -> Option<Frame> {
    let [_, h1, h0, w1, w0, components, ..] = segment else { return None };
    let number = |high: u8, low: u8| u32::from(u16::from_be_bytes([high, low]));
    Some(Frame { width: number(*w1, *w0), height: number(*h1, *h0), components: *components })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_letters() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n..."), Some(Kind::Png));
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 "), Some(Kind::Webp));
        assert_eq!(kind(b"RIFF\0\0\0\0WAVEfmt "), None);
        assert_eq!(kind(b""), None);
    }

    #[test]
    fn a_jpeg_header_is_walked_to_its_scan() {
        let mut bytes = b"\xff\xd8\xff\xe0\0\x04ab".to_vec();
        bytes.extend(b"\xff\xff\xc2\0\x0b\x08\x01\x00\x02\x00\x04abc"[..].iter());
        bytes.extend(b"\xff\xda\0\x02xx\xff\0x");
        let found = jpeg(&bytes);
        assert_eq!(found.frame, Some(Frame { width: 512, height: 256, components: 4 }));
        assert!(!found.ends);
        bytes.extend(b"\xff\xd9");
        assert!(jpeg(&bytes).ends);
    }

    #[test]
    fn broken_headers_end_quietly() {
        assert_eq!(jpeg(b"\xff\xd8\xff"), Jpeg::default());
        assert_eq!(jpeg(b"\xff\xd8\xff\xc0\0"), Jpeg::default());
        assert_eq!(png_size(b"\x89PNG"), None);
    }
}
