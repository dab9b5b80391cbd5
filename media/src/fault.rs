//! Errors of the file system and of FFmpeg in the words of the house: which file, whose fault, which mend.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use shared::Error;

/// An error while opening or reading `path`.
pub(crate) fn reading(path: &Path, error: io::Error) -> Error {
    let name = path.display();
    match error.kind() {
        ErrorKind::NotFound => Error::order(format!("{name} does not exist")).mend("check the path"),
        ErrorKind::PermissionDenied => {
            Error::order(format!("{name} may not be read")).mend("give this user the right to read it")
        }
        ErrorKind::IsADirectory => Error::order(format!("{name} is a directory")).mend("name a file"),
        _ => Error::world(format!("reading {name} failed")).from_source(error),
    }
}

/// An error while creating or writing `path`.
pub(crate) fn writing(path: &Path, error: io::Error) -> Error {
    let name = path.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Error::order(format!("{name} cannot be written: its directory does not exist"))
                .mend("create the directory or choose another path")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::order(format!("{name} cannot be written: no right to write there"))
                .from_source(error)
                .mend("choose a directory that this user may write to")
        }
        ErrorKind::IsADirectory => Error::order(format!("{name} is a directory")).mend("name a file"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Error::world(format!("no room left to write {name}"))
                .from_source(error)
                .mend("free some space or choose another disk")
        }
        _ => Error::world(format!("writing {name} failed")).from_source(error),
    }
}

/// An error of FFmpeg while it wrote `path`: the system's own error where there is one.
pub(crate) fn muxing(path: &Path, error: ffmpeg_next::Error) -> Error {
    match error {
        ffmpeg_next::Error::Other { errno } => writing(path, io::Error::from_raw_os_error(errno)),
        other => Error::world(format!("writing {} failed", path.display())).from_source(other),
    }
}

/// An error of FFmpeg while it encoded or converted something for `path`.
pub(crate) fn encoding(path: &Path, error: ffmpeg_next::Error) -> Error {
    Error::world(format!("encoding for {} failed", path.display())).from_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::error::Cause;

    #[test]
    fn whose_fault_it_is() {
        let path = Path::new("film.mp4");
        let write = |kind: ErrorKind| writing(path, kind.into()).cause();
        assert_eq!(write(ErrorKind::StorageFull), Cause::World);
        assert_eq!(write(ErrorKind::PermissionDenied), Cause::Order);
        assert_eq!(write(ErrorKind::NotFound), Cause::Order);
        assert_eq!(reading(path, ErrorKind::NotFound.into()).cause(), Cause::Order);
        assert_eq!(reading(path, io::Error::other("disk")).cause(), Cause::World);
    }

    #[test]
    fn a_full_disk_keeps_its_name_on_the_way_through_ffmpeg() {
        let error = muxing(Path::new("film.mp4"), ffmpeg_next::Error::Other { errno: ffmpeg_next::error::ENOSPC });
        assert_eq!(error.cause(), Cause::World);
        assert!(error.to_string().starts_with("no room left to write film.mp4"), "{error}");
        assert!(error.mending().is_some());
    }
}
