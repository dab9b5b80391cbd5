//! Small dense tensors that travel between rooms, and their form as bytes.
//!
//! The farm hands latents, motion frames and features from task to task as safetensors objects
//! (<https://github.com/huggingface/safetensors>, "Format"). What travels is `f32` or `f16`; what is worked with is `f32`.

use std::collections::BTreeMap;

use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{Error, Result};

/// A dense row-major tensor of `f32`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// A tensor of `shape` from row-major numbers.
    ///
    /// # Errors
    /// When the number of values does not fit the shape.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<f32>) -> Result<Self> {
        let shape = shape.into();
        if shape.iter().product::<usize>() != data.len() {
            return Err(Error::world(format!("{} numbers do not fill a tensor of shape {shape:?}", data.len())));
        }
        Ok(Self { shape, data })
    }

    /// The extents.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers, row by row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Length along the first axis (frames, for latents).
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// The rows `[from, to)` along the first axis.
    ///
    /// # Errors
    /// When the range does not lie inside.
    pub fn slice(&self, from: usize, to: usize) -> Result<Self> {
        if from > to || to > self.rows() {
            return Err(Error::world(format!("rows {from}..{to} of a tensor with {} rows", self.rows())));
        }
        let row: usize = self.shape[1..].iter().product();
        let mut shape = self.shape.clone();
        shape[0] = to - from;
        Ok(Self { shape, data: self.data[from * row..to * row].to_vec() })
    }

    /// Joins tensors along the first axis.
    ///
    /// # Errors
    /// When there are none, or their other extents differ.
    pub fn join(parts: &[Self]) -> Result<Self> {
        let first = parts.first().ok_or_else(|| Error::world("nothing to join"))?;
        if parts.iter().any(|part| part.shape[1..] != first.shape[1..]) {
            return Err(Error::world("tensors of different shapes cannot be joined"));
        }
        let mut shape = first.shape.clone();
        shape[0] = parts.iter().map(Self::rows).sum();
        Ok(Self { shape, data: parts.iter().flat_map(|part| part.data.iter().copied()).collect() })
    }

    /// Rounds every number to half precision. A rendered clip has this precision from the moment it
    /// exists, so that it makes no difference whether the next one takes its motion frames from memory or from the blob store.
    #[must_use]
    pub fn rounded_to_f16(mut self) -> Self {
        for x in &mut self.data {
            *x = f16::from_f32(*x).to_f32();
        }
        self
    }

    /// Index along the first axis of the first row that holds a NaN or an infinity.
    pub fn first_bad_row(&self) -> Option<usize> {
        let row = self.shape.get(1..).map_or(1, |rest| rest.iter().product::<usize>()).max(1);
        self.data.iter().position(|x| !x.is_finite()).map(|at| at / row)
    }
}

/// How numbers are stored in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 16 bits, IEEE half.
    Half,
    /// 32 bits.
    Single,
}

/// Named tensors and a few words about them: the content of one safetensors object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Free text by name (the header's `__metadata__`).
    pub notes: BTreeMap<String, String>,
}

impl Bundle {
    /// A bundle of one tensor.
    pub fn of(name: &str, tensor: Tensor) -> Self {
        Self { tensors: BTreeMap::from([(name.to_owned(), tensor)]), notes: BTreeMap::new() }
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| Error::world(format!("the bundle holds no tensor named \"{name}\"")))
    }

    /// The safetensors object, all tensors in the given precision.
    ///
    /// # Errors
    /// When the format refuses a name or a size.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>> {
        let refused = |e| Error::world("tensors cannot be written as safetensors").from_source(e);
        let stored: Vec<(&String, Vec<u8>, &Tensor)> =
            self.tensors.iter().map(|(name, tensor)| (name, encode(tensor.data(), precision), tensor)).collect();
        let dtype = if precision == Precision::Half { Dtype::F16 } else { Dtype::F32 };
        let views = stored
            .iter()
            .map(|(name, bytes, tensor)| {
                TensorView::new(dtype, tensor.shape.clone(), bytes).map(|view| (name.as_str(), view)).map_err(refused)
            })
            .collect::<Result<Vec<_>>>()?;
        let notes = (!self.notes.is_empty()).then(|| self.notes.clone().into_iter().collect());
        safetensors::serialize(views, notes).map_err(refused)
    }

    /// Reads a safetensors object that holds `f32` or `f16` tensors.
    ///
    /// # Errors
    /// When the bytes are damaged or hold another kind of number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = |e| Error::world("not a whole safetensors object").from_source(e);
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let notes = header.metadata().clone().map(|notes| notes.into_iter().collect()).unwrap_or_default();
        let mut tensors = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(bytes).map_err(damaged)?.tensors() {
            let data = decode(view.data(), view.dtype())
                .ok_or_else(|| Error::world(format!("tensor \"{name}\" is stored as {:?}", view.dtype())))?;
            tensors.insert(name, Tensor::new(view.shape(), data)?);
        }
        Ok(Self { tensors, notes })
    }
}

fn encode(data: &[f32], precision: Precision) -> Vec<u8> {
    match precision {
        Precision::Half => data.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect(),
        Precision::Single => data.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

fn decode(bytes: &[u8], dtype: Dtype) -> Option<Vec<f32>> {
    match dtype {
        Dtype::F16 => Some(bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()),
        Dtype::F32 => Some(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(shape: &[usize]) -> Tensor {
        Tensor::new(shape, (0..shape.iter().product::<usize>()).map(|i| i as f32 / 3.0).collect()).unwrap()
    }

    #[test]
    fn rows_are_cut_and_joined() {
        let whole = ramp(&[5, 2, 3]);
        let parts = [whole.slice(0, 2).unwrap(), whole.slice(2, 5).unwrap()];
        assert_eq!(Tensor::join(&parts).unwrap(), whole);
        assert!(whole.slice(4, 6).is_err());
        assert!(Tensor::join(&[ramp(&[2, 2]), ramp(&[2, 3])]).is_err());
        assert!(Tensor::join(&[]).is_err());
    }

    #[test]
    fn bytes_keep_what_was_rounded() {
        let mut bundle = Bundle::of("latents", ramp(&[4, 7]).rounded_to_f16());
        bundle.notes.insert("frames".into(), "0..4".into());
        assert_eq!(Bundle::from_bytes(&bundle.to_bytes(Precision::Half).unwrap()).unwrap(), bundle);
        let exact = Bundle::of("x", ramp(&[3]));
        assert_eq!(Bundle::from_bytes(&exact.to_bytes(Precision::Single).unwrap()).unwrap(), exact);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = Bundle::of("x", ramp(&[3])).to_bytes(Precision::Single).unwrap();
        assert!(Bundle::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        assert!(Bundle::from_bytes(b"no").is_err());
    }

    #[test]
    fn the_first_bad_row_is_named() {
        let mut data = vec![0.0; 12];
        data[7] = f32::NAN;
        assert_eq!(Tensor::new([4, 3], data).unwrap().first_bad_row(), Some(2));
        assert_eq!(ramp(&[4, 3]).first_bad_row(), None);
    }
}
