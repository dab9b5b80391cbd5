//! The header of a safetensors file: where its tensors lie (<https://github.com/huggingface/safetensors>, "Format").

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek as _, SeekFrom},
};

use safetensors::tensor::Metadata;
use shared::{Error, Result};

use super::stored::Stored;

/// Largest header that is read; the format's own limit.
const LIMIT: u64 = 100_000_000;

/// Reads where the tensors of `file` lie; `name` is the file's name for messages.
///
/// # Errors
/// When the header is damaged, or the file is shorter or longer than the header says.
pub(crate) fn read(mut file: &File, name: &str) -> Result<BTreeMap<String, Stored>> {
    let damaged = |what: String| {
        Error::order(format!("{name} is not a whole safetensors file: {what}"))
            .mend("fetch the pack again; the file is damaged or cut short")
    };
    let unreadable = |e: io::Error| damaged(e.to_string());
    let size = file.metadata().map_err(unreadable)?.len();
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(unreadable)?;
    let length = u64::from_le_bytes(length);
    if length > LIMIT {
        return Err(damaged(format!("its header would have {length} bytes")));
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(unreadable)?;
    // The library checks that the tensors follow one another without gaps.
    let header: Metadata = serde_json::from_slice(&header).map_err(|e| damaged(e.to_string()))?;
    let start = 8 + length;
    let needed = start.saturating_add(header.data_len() as u64);
    if needed != size {
        return Err(damaged(format!("it has {size} bytes where its header needs {needed}")));
    }
    let stored = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
        let (from, to) = info.data_offsets;
        let stored = Stored {
            dtype: info.dtype,
            shape: info.shape.clone(),
            strides: None,
            offset: start + from as u64,
            length: (to - from) as u64,
        };
        (name, stored)
    };
    Ok(header.tensors().into_iter().map(stored).collect())
}
