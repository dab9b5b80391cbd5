//! The files that an order brings along.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use shared::{Error, Result, digest::Digest, job::Input};

/// Bytes read at a time.
const CHUNK: usize = 256 * 1024;

/// Name and SHA-256 of a file, read in pieces.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) naming the file when it cannot be read.
pub(crate) fn input(path: &Path) -> Result<Input> {
    let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
    Ok(Input { name, sha256: sha256_of(path)? })
}

/// SHA-256 of a file, read in pieces.
///
/// # Errors
/// As [`input`].
pub(crate) fn sha256_of(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| unreadable(path, e))?;
    pass(&mut file, &mut io::sink()).map_err(|e| unreadable(path, e))
}

/// Copies a file in pieces; the SHA-256 of what was copied.
///
/// # Errors
/// As [`input`], and [`Cause::World`](shared::error::Cause::World) when the copy cannot be written.
pub(crate) fn copy(path: &Path, to: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| unreadable(path, e))?;
    File::create(to).and_then(|mut to| pass(&mut file, &mut to)).map_err(|e| {
        Error::world(format!("{} cannot be copied to {}", path.display(), to.display()))
            .from_source(e)
            .mend("free space for temporary files, or set TMPDIR to another directory")
    })
}

/// Moves everything from one to the other; its SHA-256.
fn pass(from: &mut impl Read, to: &mut impl Write) -> io::Result<String> {
    let mut digest = Digest::new();
    let mut piece = vec![0; CHUNK];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(digest.hex()),
            read => {
                digest.update(&piece[..read]);
                to.write_all(&piece[..read])?;
            }
        }
    }
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::order(format!("{} cannot be read", path.display())).from_source(error).mend("check its name and permissions")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::digest::sha256;

    #[test]
    fn a_file_is_named_and_digested_whatever_its_length() {
        let dir = tempfile::tempdir().unwrap();
        for length in [0, 1, CHUNK, 2 * CHUNK + 7] {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 31) as u8).collect();
            let path = dir.path().join("a face.png");
            std::fs::write(&path, &bytes).unwrap();
            let input = input(&path).unwrap();
            assert_eq!((input.name.as_str(), input.sha256), ("a face.png", sha256(&bytes)), "{length}");
            let to = dir.path().join("copy");
            assert_eq!(copy(&path, &to).unwrap(), sha256(&bytes), "{length}");
            assert!(std::fs::read(&to).unwrap() == bytes, "{length}");
        }
        let missing = input(&dir.path().join("none.png")).unwrap_err();
        assert!(missing.to_string().contains("none.png"), "{missing}");
    }
}
