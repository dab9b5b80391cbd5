//! A piece of a file in memory without a copy: the operating system reads its pages when they are touched.

// Mapping is `unsafe` in every library, since the bytes of a map change when somebody writes to the file.
#![allow(unsafe_code)]

use std::{fs::File, io, ops::Deref};

use memmap2::{Mmap, MmapOptions};

/// Bytes of a file, read-only. They leave memory with this value, so that whoever maps tensor after tensor holds one at a time.
pub(crate) struct Mapped(Mmap);

impl Mapped {
    /// Maps `length` bytes from `offset` on.
    ///
    /// # Errors
    /// When the file ends before them, or cannot be mapped.
    pub(crate) fn new(file: &File, offset: u64, length: u64) -> io::Result<Self> {
        let end = offset.checked_add(length);
        // A page behind the end of the file would end the process when touched.
        if end.is_none_or(|end| file.metadata().is_ok_and(|data| end > data.len())) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than its own index says"));
        }
        let length = usize::try_from(length).map_err(io::Error::other)?;
        // SAFETY: the map is private and never written to, lies inside of the file as it was a moment ago, and its bytes are
        // only ever read as numbers, every pattern of which is valid. A file of weights that another program cuts or rewrites
        // during the load is outside of what any reader of it can promise; packs are written under another name and renamed.
        let map = unsafe { MmapOptions::new().offset(offset).len(length).map_copy_read_only(file)? };
        Ok(Self(map))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn pieces_need_no_alignment_and_end_with_the_file() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..10_000u32).map(|i| (i % 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        assert_eq!(&*Mapped::new(&file, 4099, 5901).unwrap(), &bytes[4099..]);
        assert_eq!(Mapped::new(&file, 17, 0).unwrap().len(), 0);
        for (offset, length) in [(4099, 5902), (10_001, 0), (u64::MAX, 2)] {
            let error = Mapped::new(&file, offset, length).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
