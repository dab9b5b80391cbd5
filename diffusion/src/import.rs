//! Makes a pack of our own from a published layout: safetensors beside a manifest with sizes, licences and checksums.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufWriter, Read as _, Write},
    path::{Path, PathBuf},
};

use safetensors::tensor::{Metadata, TensorInfo};
use shared::{Error, Result, digest::Digest, ports::Control};

use crate::{
    hallo,
    pack::{
        MANIFEST,
        hallo::{FileEntry, HalloManifest, HalloPack, PackFile, Role},
        weights::Weights,
    },
};

/// How far an import is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportProgress {
    /// Written.
    pub done: u64,
    /// To be written in all.
    pub total: u64,
}

/// Writes the published layout in `from` as a pack called `name` into the new directory `to`. Tensors keep their precision;
/// those that no network reads are left out. One tensor at a time is mapped, so that memory does not grow with the release.
/// `progress` is called after each tensor.
///
/// # Errors
/// When the layout is not whole or no network can be built of it, `to` exists, the disk is full, or `progress` asks to stop; nothing is left in `to` then.
pub fn import(
    from: &Path,
    to: &Path,
    name: &str,
    progress: &mut dyn FnMut(ImportProgress) -> Control,
) -> Result<HalloManifest> {
    let pack = HalloPack::open(from)?;
    if pack.is_converted() {
        return Err(Error::order(format!("{} is a converted pack already", from.display())).mend("use it as it is"));
    }
    if to.exists() {
        let what = format!("{} exists already", to.display());
        return Err(Error::order(what).mend("remove it, or give another directory with -o"));
    }
    // All are opened first, so that a damaged file or a tensor that does not fit is found before anything is written.
    let (net, vae, speech) = (pack.network()?, pack.vae()?, pack.speech()?);
    hallo::fits(&pack.config, &net, &vae, &speech)?;
    let weights = [
        (Role::Network, "network.safetensors", net),
        (Role::Vae, "vae.safetensors", vae),
        (Role::Speech, "wav2vec.safetensors", speech),
    ];
    let models: Vec<&PackFile> = pack.files.iter().filter(|file| !file.role.is_needed()).collect();
    let copied: u64 = models.iter().map(|file| fs::metadata(&file.path).map_or(0, |data| data.len())).sum();
    let total = weights.iter().map(|(_, _, weights)| weights.bytes()).sum::<u64>() + copied;
    let scratch = Scratch::beside(to)?;
    let mut meter = Meter { done: 0, total, progress };
    let mut files = Vec::new();
    for (role, name, weights) in &weights {
        let sha256 = write_tensors(weights, &scratch.0.join(name), &mut meter)?;
        files.push(entry(pack.need(*role)?, (*name).into(), sha256));
    }
    for file in models {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sha256 = copy(&file.path, &scratch.0.join(&name), &mut meter)?;
        files.push(entry(file, name, sha256));
    }
    let mut about = pack.about.clone();
    name.clone_into(&mut about.name);
    about.version = "imported".into();
    let manifest = HalloManifest { pack: about, network: pack.config.clone(), files };
    let text = toml::to_string(&manifest).map_err(|e| Error::world("the manifest cannot be written").from_source(e))?;
    // What is written must be readable, its name included.
    HalloManifest::parse(&text, MANIFEST)?;
    let file = scratch.0.join(MANIFEST);
    fs::write(&file, text).map_err(|e| unwritable(&file, e))?;
    scratch.move_to(to)?;
    Ok(manifest)
}

fn entry(file: &PackFile, name: String, sha256: String) -> FileEntry {
    FileEntry { name, role: file.role, licence: file.licence.clone(), source: file.source.clone(), sha256 }
}

/// Counts bytes and asks whether to go on.
struct Meter<'a> {
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(ImportProgress) -> Control,
}

impl Meter<'_> {
    fn add(&mut self, bytes: u64) -> Result<()> {
        self.done += bytes;
        match (self.progress)(ImportProgress { done: self.done, total: self.total }) {
            Control::Continue => Ok(()),
            Control::Stop => Err(Error::stopped()),
        }
    }
}

/// A file that is written and digested at the same time.
struct Digested {
    file: BufWriter<File>,
    digest: Digest,
}

impl Digested {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::with_capacity(1 << 20, File::create_new(path)?), digest: Digest::new() })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.file.write_all(bytes)
    }

    /// Waits until the disk has it, and gives its SHA-256.
    fn finish(self) -> io::Result<String> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(self.digest.hex())
    }
}

/// Writes all tensors as a safetensors file, in the order of their names; gives its SHA-256.
fn write_tensors(weights: &Weights, to: &Path, meter: &mut Meter<'_>) -> Result<String> {
    let failed = |e: io::Error| unwritable(to, e);
    let mut end = 0;
    let info = |(name, stored): (&String, &crate::pack::stored::Stored)| {
        let start = end;
        end += stored.count() * stored.dtype.bitsize() / 8;
        (name.clone(), TensorInfo { dtype: stored.dtype, shape: stored.shape.clone(), data_offsets: (start, end) })
    };
    let notes = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let header = Metadata::new(Some(notes), weights.stored().iter().map(info).collect())
        .map_err(|e| Error::world(format!("{} cannot be written", to.display())).from_source(e))?;
    let mut header = serde_json::to_vec(&header)
        .map_err(|e| Error::world(format!("{} cannot be written", to.display())).from_source(e))?;
    // The numbers begin at a multiple of eight, as the format asks.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = Digested::create(to).map_err(failed)?;
    file.write(&(header.len() as u64).to_le_bytes()).map_err(failed)?;
    file.write(&header).map_err(failed)?;
    let mut rows = Vec::new();
    for stored in weights.stored().values() {
        let bytes = weights.map(stored)?;
        if stored.strides.is_none() {
            file.write(&bytes).map_err(failed)?;
        } else {
            rows.clear();
            stored.bytes(&bytes, &mut rows);
            file.write(&rows).map_err(failed)?;
        }
        meter.add(stored.count() as u64 * stored.dtype.bitsize() as u64 / 8)?;
    }
    file.finish().map_err(failed)
}

/// Copies a file; gives its SHA-256.
fn copy(from: &Path, to: &Path, meter: &mut Meter<'_>) -> Result<String> {
    let failed = |e: io::Error| unwritable(to, e);
    let unreadable = |e: io::Error| Error::order(format!("cannot read {}", from.display())).from_source(e);
    let mut reader = File::open(from).map_err(unreadable)?;
    let mut file = Digested::create(to).map_err(failed)?;
    let mut piece = vec![0; 1 << 20];
    loop {
        match reader.read(&mut piece).map_err(unreadable)? {
            0 => return file.finish().map_err(failed),
            count => {
                file.write(&piece[..count]).map_err(failed)?;
                meter.add(count as u64)?;
            }
        }
    }
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::world(format!("cannot write {}", path.display())).from_source(error).mend("look for space on the disk")
}

/// A directory that goes away unless it is moved to where it belongs: a pack is there as a whole or not at all.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// A new directory beside `to`, on the same disk.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn beside(to: &Path) -> Result<Self> {
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let dir = to.with_file_name(format!(".{name}.incomplete-{}", std::process::id()));
        // A process of the same number that was killed may have left one.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).map_err(|e| unwritable(&dir, e))?;
        Ok(Self(dir))
    }

    /// Gives the directory its name.
    ///
    /// # Errors
    /// When that is taken by now.
    pub(crate) fn move_to(self, to: &Path) -> Result<()> {
        fs::rename(&self.0, to).map_err(|e| unwritable(to, e))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{inspect, parity::hallo_dir};

    fn go_on(_: ImportProgress) -> Control {
        Control::Continue
    }

    #[test]
    fn an_imported_pack_holds_the_same_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("photo");
        let mut seen = Vec::new();
        let manifest = import(&hallo_dir(), &to, "photo", &mut |progress| {
            seen.push(progress);
            Control::Continue
        })
        .unwrap();
        assert!(seen.windows(2).all(|pair| pair[0].done <= pair[1].done));
        assert_eq!(seen.last().unwrap().done, seen.last().unwrap().total);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside the pack");
        let (old, new) = (HalloPack::open(&hallo_dir()).unwrap(), HalloPack::open(&to).unwrap());
        assert_eq!(new.config, old.config);
        assert_eq!(
            (new.about.name.as_str(), new.about.licence.as_str()),
            ("photo", "MIT AND Apache-2.0 AND CreativeML-OpenRAIL-M")
        );
        assert_eq!(manifest.files.len(), 3);
        for (old, new) in [
            (old.network().unwrap(), new.network().unwrap()),
            (old.vae().unwrap(), new.vae().unwrap()),
            (old.speech().unwrap(), new.speech().unwrap()),
        ] {
            assert_eq!(old.stored().keys().collect::<Vec<_>>(), new.stored().keys().collect::<Vec<_>>());
            for (name, stored) in old.stored() {
                assert_eq!(new.stored()[name].dtype, stored.dtype, "{name}");
                let take = |weights: &Weights| weights.root().take(name, &stored.shape).unwrap();
                assert_eq!(take(&old), take(&new), "{name}");
            }
        }
        let report = inspect("photo", &[dir.path().to_owned()]).unwrap();
        assert!(report.files.iter().all(|file| file.compared && file.licence.is_some()));
        assert_eq!(report.digest, new.digest().unwrap());
        // The safetensors library itself takes the files for sound.
        for file in &new.files {
            safetensors::SafeTensors::deserialize(&fs::read(&file.path).unwrap()).unwrap();
        }
    }

    #[test]
    fn nothing_is_left_of_an_import_that_fails() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("photo");
        let error = import(&hallo_dir(), &to, "photo", &mut |_| Control::Stop).unwrap_err();
        assert_eq!(error.cause(), shared::error::Cause::Stopped);
        assert!(import(&hallo_dir(), &to, "a name", &mut go_on).unwrap_err().to_string().contains("pack.name"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::create_dir(&to).unwrap();
        assert!(import(&hallo_dir(), &to, "photo", &mut go_on).unwrap_err().to_string().contains("exists already"));
        let other = dir.path().join("other");
        import(&hallo_dir(), &other, "other", &mut go_on).unwrap();
        let error = import(&other, &dir.path().join("again"), "again", &mut go_on).unwrap_err().to_string();
        assert!(error.contains("converted pack already"), "{error}");
    }
}
