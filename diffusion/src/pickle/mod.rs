//! Weights as PyTorch saves them: a zip archive with one pickled dictionary of tensors and one entry for the numbers of each
//! storage (<https://docs.pytorch.org/docs/stable/notes/serialization.html>).
//!
//! Nothing of a pickle is ever executed: the machine in [`machine`] knows the dozen instructions and three callables that a
//! dictionary of tensors is made of, and refuses everything else by name.

mod archive;
mod machine;
mod opcode;
#[cfg(test)]
pub(crate) mod tests;
mod value;

use std::{collections::BTreeMap, fs::File};

use shared::{Error, Result};

use crate::pack::stored::{Stored, row_by_row};
use archive::Archive;
use value::SavedTensor;

/// Where the tensors of a saved state dictionary lie.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Those that are wanted.
    pub(crate) tensors: BTreeMap<String, Stored>,
    /// The shapes of the others, of which nothing else was looked at.
    pub(crate) passed: BTreeMap<String, Vec<usize>>,
}

/// Reads where the tensors of a saved state dictionary lie in `file`; `name` is the file's name for messages. The CRC-32 of
/// every tensor is checked. Those that are not `wanted` are passed over unread.
///
/// # Errors
/// When the archive or the pickle is damaged, holds anything but tensors, or tries to call anything; names tensor and file.
pub(crate) fn index(file: &File, name: &str, wanted: impl Fn(&str) -> bool) -> Result<Index> {
    let damaged = |fault: String| {
        Error::order(format!("{name}: {fault}"))
            .mend("fetch the file again; weights are saved by torch.save(module.state_dict(), ...)")
    };
    let mut archive = Archive::open(file).map_err(damaged)?;
    let pickle = archive.pickle().map_err(damaged)?;
    let saved = machine::run(&pickle).map_err(damaged)?;
    let mut index = Index::default();
    for (key, tensor) in saved {
        if wanted(&key) {
            let stored = place(&tensor, &archive).map_err(|fault| damaged(format!("tensor {key}: {fault}")))?;
            archive.check(&tensor.storage).map_err(|fault| damaged(format!("tensor {key}: {fault}")))?;
            index.tensors.insert(key, stored);
        } else {
            index.passed.insert(key, narrow(&tensor.shape));
        }
    }
    Ok(index)
}

fn narrow(numbers: &[u64]) -> Vec<usize> {
    numbers.iter().map(|x| *x as usize).collect()
}

/// Where a tensor lies in the file, once it is known to lie inside of its storage.
fn place(tensor: &SavedTensor, archive: &Archive) -> Result<Stored, String> {
    let (start, bytes) = archive.storage(&tensor.storage)?;
    let size = tensor.dtype.bitsize() as u64 / 8;
    let outside = || format!("it does not lie inside of its storage {}", tensor.storage);
    if tensor.numbers.checked_mul(size) != Some(bytes) {
        return Err(format!("storage {} has {bytes} bytes where {} numbers belong", tensor.storage, tensor.numbers));
    }
    let count = tensor.shape.iter().try_fold(1u64, |count, extent| count.checked_mul(*extent)).ok_or_else(outside)?;
    // Numbers from the first to behind the last.
    let mut reach = u64::from(count > 0);
    for (extent, stride) in tensor.shape.iter().zip(&tensor.strides) {
        let along = extent.saturating_sub(1).checked_mul(*stride).ok_or_else(outside)?;
        reach = reach.checked_add(if count > 0 { along } else { 0 }).ok_or_else(outside)?;
    }
    if tensor.offset.checked_add(reach).is_none_or(|end| end > tensor.numbers) || count > tensor.numbers {
        return Err(outside());
    }
    let (shape, strides) = (narrow(&tensor.shape), narrow(&tensor.strides));
    // The stride of an axis of one number means nothing.
    let plain = shape.iter().zip(strides.iter().zip(row_by_row(&shape))).all(|(n, (a, b))| *n <= 1 || *a == b);
    Ok(Stored {
        dtype: tensor.dtype,
        shape,
        strides: (!plain).then_some(strides),
        offset: start + tensor.offset * size,
        length: reach * size,
    })
}
