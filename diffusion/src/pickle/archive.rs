//! The zip archive around a pickle: where its entries lie. Numbers are stored as they are, never compressed, so that they
//! can be mapped.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader, Read as _},
};

use zip::{CompressionMethod, ZipArchive};

/// Longest pickle that is read. The one of Hallo's 2,656 tensors has 0.4 MiB.
const PICKLE_LIMIT: u64 = 8 << 20;
/// Entries that are looked at.
const MOST_ENTRIES: usize = 1 << 17;

/// An archive whose entries are known.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// What all names begin with.
    root: String,
    entries: HashMap<String, Entry>,
}

struct Entry {
    index: usize,
    start: u64,
    bytes: u64,
    checked: bool,
}

impl Archive {
    pub(super) fn open(file: &File) -> Result<Self, String> {
        let unreadable = |e: io::Error| format!("it cannot be read: {e}");
        let reader = BufReader::with_capacity(1 << 16, file.try_clone().map_err(unreadable)?);
        let mut zip = ZipArchive::new(reader).map_err(|e| {
            format!("it is not a whole zip archive, as PyTorch writes since version 1.6, or it is cut short: {e}")
        })?;
        if zip.len() > MOST_ENTRIES {
            return Err(format!("the archive has {} entries; {MOST_ENTRIES} are read", zip.len()));
        }
        let mut entries = HashMap::new();
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(|e| format!("entry {index} of the archive is damaged: {e}"))?;
            let name = entry.name().map_err(|e| format!("entry {index} of the archive has no name: {e}"))?.into_owned();
            if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
                return Err(format!(
                    "entry {name} of the archive is compressed or encrypted, which PyTorch never does"
                ));
            }
            let start = entry.data_start().ok_or_else(|| format!("entry {name} of the archive lies nowhere"))?;
            entries.insert(name, Entry { index, start, bytes: entry.size(), checked: false });
        }
        let pickles = entries.keys().filter(|name| name.ends_with("/data.pkl"));
        let pickle = pickles.min_by_key(|name| (name.len(), *name)).ok_or("the archive holds no data.pkl")?;
        let root = pickle.strip_suffix("data.pkl").unwrap_or_default().to_owned();
        Ok(Self { zip, root, entries })
    }

    /// The pickle's bytes.
    pub(super) fn pickle(&mut self) -> Result<Vec<u8>, String> {
        if let Some(order) = self.entry("byteorder").map(|entry| entry.index) {
            let order = self.read(order, "byteorder")?;
            if order != b"little" {
                return Err(format!("its numbers are stored in the order \"{}\"", String::from_utf8_lossy(&order)));
            }
        }
        let index = self.entry("data.pkl").map(|entry| entry.index).ok_or("the archive holds no data.pkl")?;
        self.read(index, "data.pkl")
    }

    fn read(&mut self, index: usize, name: &str) -> Result<Vec<u8>, String> {
        let entry = self.zip.by_index(index).map_err(|e| format!("{name} is damaged: {e}"))?;
        if entry.size() > PICKLE_LIMIT {
            return Err(format!("{name} has {} bytes; {PICKLE_LIMIT} are read", entry.size()));
        }
        let mut bytes = Vec::new();
        // The archive's own reader compares the CRC-32 at the end.
        entry.take(PICKLE_LIMIT + 1).read_to_end(&mut bytes).map_err(|e| format!("{name} is damaged: {e}"))?;
        Ok(bytes)
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(&format!("{}{name}", self.root))
    }

    /// First byte and length of the storage `key`.
    pub(super) fn storage(&self, key: &str) -> Result<(u64, u64), String> {
        let entry = self.entry(&format!("data/{key}")).ok_or_else(|| format!("the archive holds no storage {key}"))?;
        Ok((entry.start, entry.bytes))
    }

    /// Reads the storage `key` once and compares its CRC-32.
    pub(super) fn check(&mut self, key: &str) -> Result<(), String> {
        let name = format!("{}data/{key}", self.root);
        let Some(entry) = self.entries.get_mut(&name).filter(|entry| !entry.checked) else { return Ok(()) };
        entry.checked = true;
        let damaged = |e: String| format!("storage {key} is damaged: {e}");
        let mut numbers = self.zip.by_index(entry.index).map_err(|e| damaged(e.to_string()))?;
        io::copy(&mut numbers, &mut io::sink()).map_err(|e| damaged(e.to_string()))?;
        Ok(())
    }
}
