//! The files that the order brought along, checked against the order.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use shared::{Error, Result, digest::Digest, job::Input};

use crate::work::Work;

/// Names of the inputs in the blob store.
pub(crate) const PORTRAIT: &str = "portrait";
/// See [`PORTRAIT`].
pub(crate) const AUDIO: &str = "audio";

/// Copies an input into the scratch directory, under its own name, so that messages about it name the user's file.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) when it is not the file that was ordered.
pub(crate) async fn fetch(work: &Work<'_>, name: &str, input: &Input) -> Result<PathBuf> {
    work.stop.check()?;
    let dir = work.scratch().join(name);
    std::fs::create_dir_all(&dir)
        .map_err(|e| Error::world(format!("the directory {} cannot be made", dir.display())).from_source(e))?;
    let file = dir.join(own_name(&input.name, name));
    work.fetch_input(name, &file).await?;
    let (file, input) = (file, input.clone());
    work.compute(move || {
        let found =
            sha256_of(&file).map_err(|e| Error::world(format!("{} cannot be read", file.display())).from_source(e))?;
        if found == input.sha256 {
            return Ok(file);
        }
        let message = format!("{} changed while it was being submitted: its SHA-256 is {found}", input.name);
        Err(Error::order(message).mend("submit it again"))
    })
    .await
}

/// The last component of the file's name; a name from elsewhere must not lead out of the directory.
fn own_name<'a>(name: &'a str, otherwise: &'a str) -> &'a str {
    let last = Path::new(name).file_name().and_then(|last| last.to_str());
    last.filter(|last| last.len() <= 200).unwrap_or(otherwise)
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Digest::new();
    let mut piece = vec![0; 256 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(digest.hex()),
            read => digest.update(&piece[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::own_name;

    #[test]
    fn names_cannot_lead_out_of_the_directory() {
        assert_eq!(own_name("my speech.wav", "audio"), "my speech.wav");
        assert_eq!(own_name("../../etc/passwd", "audio"), "passwd");
        for name in ["..", "/", "", &"x".repeat(201)] {
            assert_eq!(own_name(name, "audio"), "audio");
        }
    }
}
