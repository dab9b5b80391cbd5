//! A golden file: inputs and outputs that another implementation computed with the same weights.

use std::{collections::BTreeMap, path::Path};

use candle_core::{Device, Tensor};
use half::f16;
use safetensors::{Dtype, SafeTensors};
use shared::{Error, Result, job::ReferenceReading};

/// Largest golden file that is read.
const LIMIT: u64 = 4 << 30;
/// The word of the file's metadata that names the reading.
const READING: &str = "reference";

/// All tensors of a golden file.
pub(super) struct Golden {
    name: String,
    tensors: BTreeMap<String, shared::Tensor>,
    reading: Option<ReferenceReading>,
}

impl Golden {
    /// Reads a safetensors file.
    ///
    /// # Errors
    /// When it is missing, damaged, or holds other numbers than floating-point ones and 64-bit integers.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let missing = |e| {
            Error::order(format!("cannot read {name}"))
                .from_source(e)
                .mend("name a golden file with --golden; docs/models.md says what is in one")
        };
        let damaged = |e| Error::order(format!("{name} is not a whole safetensors file")).from_source(e);
        if std::fs::metadata(path).map_err(missing)?.len() > LIMIT {
            return Err(Error::order(format!("{name} is larger than any golden file")));
        }
        let bytes = std::fs::read(path).map_err(missing)?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let note = header.metadata().as_ref().and_then(|notes| notes.get(READING).cloned());
        let mut tensors = BTreeMap::new();
        for (tensor, view) in SafeTensors::deserialize(&bytes).map_err(damaged)?.tensors() {
            let data = view.data();
            let numbers = match view.dtype() {
                Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
                Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
                Dtype::I64 => data.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b) as f32).collect(),
                other => return Err(Error::order(format!("{name}: tensor {tensor} holds {other:?}"))),
            };
            tensors.insert(tensor, shared::Tensor::new(view.shape(), numbers)?);
        }
        let reading = match note.as_deref() {
            Some("corrected") => Some(ReferenceReading::Corrected),
            Some("published") => Some(ReferenceReading::Published),
            Some(other) => {
                return Err(Error::order(format!("{name} was computed with an unknown reference reading \"{other}\"")));
            }
            None => None,
        };
        Ok(Self { name, tensors, reading })
    }

    /// The reading with which it was computed, as its metadata say, or else its name: one with the word `corrected` in it.
    pub(super) fn reading(&self) -> ReferenceReading {
        let by_name = || {
            let file = Path::new(&self.name).file_name().unwrap_or_default().to_string_lossy().into_owned();
            if file.contains("corrected") { ReferenceReading::Corrected } else { ReferenceReading::Published }
        };
        self.reading.unwrap_or_else(by_name)
    }

    /// The names of the tensors that are to be met, without `golden.`.
    pub(super) fn expected(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().filter_map(|name| name.strip_prefix("golden."))
    }

    /// The tensor that `name` is to be.
    pub(super) fn golden(&self, name: &str) -> Option<&shared::Tensor> {
        self.tensors.get(&format!("golden.{name}"))
    }

    /// An input as it is stored.
    ///
    /// # Errors
    /// When it is not there.
    pub(super) fn raw(&self, name: &str) -> Result<&shared::Tensor> {
        self.tensors.get(&format!("input.{name}")).ok_or_else(|| {
            Error::order(format!("{} holds no tensor input.{name}", self.name))
                .mend("a golden file holds the inputs of every part; docs/models.md lists them")
        })
    }

    /// An input, which must have `shape`.
    ///
    /// # Errors
    /// When it is not there or has another shape.
    pub(super) fn input(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let raw = self.raw(name)?;
        if raw.shape() != shape {
            let (file, found) = (&self.name, raw.shape());
            let what = format!("{file}: input.{name} has shape {found:?} where this pack takes {shape:?}");
            return Err(Error::order(what).mend("take the golden file that was computed with this pack"));
        }
        Tensor::from_slice(raw.data(), shape, &Device::Cpu).map_err(crate::sampler::failed)
    }

    /// Whether there is an input of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(&format!("input.{name}"))
    }
}
