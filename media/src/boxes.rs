//! The boxes of an MP4 file (ISO/IEC 14496-12, section 4.2), as far as checks need them.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

/// An index larger than this is not one of ours.
const MOST_INDEX_BYTES: u64 = 1 << 28;

/// A box at the top level of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopBox {
    /// Its four letters.
    pub(crate) kind: [u8; 4],
    /// Where it begins, in bytes from the start of the file.
    pub(crate) start: u64,
    /// Its length in bytes with its header.
    pub(crate) length: u64,
}

/// The boxes at the top level, in order; a broken box ends the list.
pub(crate) fn top_level(file: &mut File) -> io::Result<Vec<TopBox>> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut found = Vec::new();
    let mut start = 0;
    while start + 8 <= end {
        let Some(length) = length_at(file, start, end)? else { break };
        let mut kind = [0; 4];
        file.seek(SeekFrom::Start(start + 4))?;
        file.read_exact(&mut kind)?;
        found.push(TopBox { kind, start, length });
        start += length;
    }
    Ok(found)
}

fn length_at(file: &mut File, start: u64, end: u64) -> io::Result<Option<u64>> {
    let mut header = [0; 16];
    file.seek(SeekFrom::Start(start))?;
    let room = usize::try_from((end - start).min(16)).unwrap_or(16);
    file.read_exact(&mut header[..room])?;
    let short = u64::from(u32::from_be_bytes([header[0], header[1], header[2], header[3]]));
    let length = match short {
        0 => end - start,
        1 if room == 16 => {
            let [_, _, _, _, _, _, _, _, long @ ..] = header;
            u64::from_be_bytes(long)
        }
        other => other,
    };
    Ok((length >= 8 && start.checked_add(length).is_some_and(|after| after <= end)).then_some(length))
}

/// Whether the index lies before the media, so that a player can start while it still downloads.
pub(crate) fn is_faststart(file: &mut File) -> io::Result<bool> {
    let kinds: Vec<_> = top_level(file)?.iter().map(|b| b.kind).collect();
    let place = |wanted: &[u8; 4]| kinds.iter().position(|kind| kind == wanted);
    Ok(matches!((place(b"moov"), place(b"mdat")), (Some(index), Some(media)) if index < media))
}

/// The decoder configuration of the H.264 track (ISO/IEC 14496-15, section 5.3): its parameter sets.
pub(crate) fn h264_configuration(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let Some(index) = top_level(file)?.into_iter().find(|b| b.kind == *b"moov" && b.length < MOST_INDEX_BYTES) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(index.start))?;
    let mut bytes = Vec::new();
    file.take(index.length).read_to_end(&mut bytes)?;
    let Some(at) = bytes.windows(4).position(|letters| letters == b"avcC") else { return Ok(None) };
    let Some(start) = at.checked_sub(4) else { return Ok(None) };
    let length = u32::from_be_bytes([bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]]) as usize;
    Ok(bytes.get(at + 4..start + length).map(<[u8]>::to_vec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file_of(boxes: &[(&[u8; 4], &[u8])]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        for (kind, body) in boxes {
            file.write_all(&(body.len() as u32 + 8).to_be_bytes()).unwrap();
            file.write_all(*kind).unwrap();
            file.write_all(body).unwrap();
        }
        file
    }

    #[test]
    fn the_order_of_boxes_tells_a_fast_start() {
        assert!(is_faststart(&mut file_of(&[(b"ftyp", b"x"), (b"moov", b""), (b"mdat", b"yy")])).unwrap());
        assert!(!is_faststart(&mut file_of(&[(b"ftyp", b"x"), (b"mdat", b"yy"), (b"moov", b"")])).unwrap());
        assert!(!is_faststart(&mut file_of(&[(b"ftyp", b"x")])).unwrap());
    }

    #[test]
    fn a_box_that_promises_too_much_ends_the_list() {
        let mut file = file_of(&[(b"ftyp", b"x")]);
        file.write_all(&[0, 0, 0xff, 0, b'm', b'o', b'o', b'v', 1]).unwrap();
        let found = top_level(&mut file).unwrap();
        assert_eq!(found, [TopBox { kind: *b"ftyp", start: 0, length: 9 }]);
    }

    #[test]
    fn the_parameter_sets_are_found_inside_the_index() {
        let mut file = file_of(&[(b"moov", b"....\0\0\0\x0bavcCabc...")]);
        assert_eq!(h264_configuration(&mut file).unwrap().as_deref(), Some(&b"abc"[..]));
        assert_eq!(h264_configuration(&mut file_of(&[(b"moov", b"")])).unwrap(), None);
    }
}
