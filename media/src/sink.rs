//! Where muxers write: any seekable store, so that a full disk can be tried out without one.

use std::{
    fs::File,
    io::{Seek, Write},
    path::Path,
};

use ffmpeg_next::format::{
    self,
    context::{Output as Muxer, StreamIo},
};
use shared::{Error, Result};

use crate::fault;

/// Something a muxer can write a file into.
pub(crate) trait Sink: Write + Seek + Send + 'static {}

impl<T: Write + Seek + Send + 'static> Sink for T {}

/// An MP4 muxer that writes to `sink`. `file` is the file behind the sink, which the muxer reads back
/// when it moves the index to the front; `name` is the path for messages.
///
/// # Errors
/// When the path cannot be spelled for FFmpeg.
pub(crate) fn mp4(sink: impl Sink, file: &Path, name: &Path) -> Result<Muxer> {
    crate::init()?;
    let Some(url) = file.to_str() else {
        return Err(Error::order(format!("{} is not valid UTF-8", file.display()))
            .mend("choose a path of plain characters for the film"));
    };
    let io = StreamIo::from_write_seek(sink).map_err(|error| fault::muxing(name, error))?;
    // Without the scheme a colon in the path would be taken for one.
    format::output_to_stream(io, Some(&format!("file:{url}")), Some("mp4")).map_err(|error| fault::muxing(name, error))
}

/// Creates or empties the file at `path`.
pub(crate) fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(|error| fault::writing(path, error))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::{self, ErrorKind, SeekFrom};

    use super::{File, Seek, Write};

    /// A file on a disk with room for so many bytes.
    pub(crate) struct SmallDisk {
        file: File,
        room: u64,
    }

    impl SmallDisk {
        pub(crate) fn new(file: File, room: u64) -> Self {
            Self { file, room }
        }
    }

    impl Write for SmallDisk {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            if self.file.stream_position()? + buffer.len() as u64 > self.room {
                return Err(io::Error::from_raw_os_error(ffmpeg_next::error::ENOSPC));
            }
            self.file.write(buffer)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for SmallDisk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    #[test]
    fn a_small_disk_fills_up() {
        let mut disk = SmallDisk::new(tempfile::tempfile().unwrap(), 3);
        assert!(disk.write_all(b"abc").is_ok());
        assert_eq!(disk.write_all(b"d").unwrap_err().kind(), ErrorKind::StorageFull);
    }
}
