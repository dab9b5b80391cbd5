//! The tensors of a pack on their way into the network: each taken once, by name and shape.

use std::{cell::RefCell, collections::BTreeMap};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use shared::{Error, Result};

const MEND: &str = "fetch the pack again; its weights do not belong to its manifest";

/// Tensors that nobody took yet.
pub(crate) struct Weights {
    file: String,
    left: RefCell<BTreeMap<String, shared::Tensor>>,
}

impl Weights {
    /// Reads a safetensors file; numbers of 16 bits become `f32`. `file` is its name for messages.
    pub(crate) fn read(bytes: &[u8], file: &str) -> Result<Self> {
        let damaged = |e| {
            Error::order(format!("{file} is not a whole safetensors file"))
                .from_source(e)
                .mend("fetch the pack again; the file is damaged or cut short")
        };
        let mut left = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(bytes).map_err(damaged)?.tensors() {
            let numbers = numbers(&view).ok_or_else(|| {
                let message = format!("{file}: tensor {name} holds {:?}", view.dtype());
                Error::order(message).mend("use a pack with weights in F32, F16 or BF16")
            })?;
            left.insert(name, shared::Tensor::new(view.shape(), numbers)?);
        }
        Ok(Self { file: file.to_owned(), left: RefCell::new(left) })
    }

    /// The root of all names.
    pub(crate) fn root(&self) -> Scope<'_> {
        Scope { weights: self, prefix: String::new() }
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// When a tensor is left over, since a network that ignores weights is not the one that was trained.
    pub(crate) fn finish(self) -> Result<()> {
        let left = self.left.into_inner();
        match left.keys().next() {
            None => Ok(()),
            Some(name) => {
                let count = left.len();
                Err(Error::order(format!("{}: unexpected tensor {name} ({count} left over)", self.file)).mend(MEND))
            }
        }
    }
}

fn numbers(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => Some(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F16 => Some(bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()),
        Dtype::BF16 => Some(bytes.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect()),
        _ => None,
    }
}

/// A place in the tree of names.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    weights: &'a Weights,
    prefix: String,
}

impl Scope<'_> {
    /// The place `name` below this one.
    pub(crate) fn at(&self, name: impl std::fmt::Display) -> Self {
        Self { weights: self.weights, prefix: format!("{}{name}.", self.prefix) }
    }

    /// Takes the tensor `name`, which must have `shape`.
    ///
    /// # Errors
    /// When it is missing or has another shape.
    pub(crate) fn take(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let (file, name) = (&self.weights.file, format!("{}{name}", self.prefix));
        match self.weights.left.borrow_mut().remove(&name) {
            Some(found) if found.shape() == shape => Ok(found.data().to_vec()),
            Some(found) => {
                let found = found.shape();
                let message = format!("{file}: tensor {name} has shape {found:?} where the manifest needs {shape:?}");
                Err(Error::order(message).mend(MEND))
            }
            None => Err(Error::order(format!("{file}: tensor {name} is missing")).mend(MEND)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Weights {
        let data: Vec<u8> = [1.0f32, -0.5].iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F16, vec![1, 2], &data).unwrap();
        let bytes = safetensors::serialize([("a.b", view)], None).unwrap();
        Weights::read(&bytes, "w.safetensors").unwrap()
    }

    #[test]
    fn each_tensor_is_taken_once_with_its_shape() {
        let weights = weights();
        let error = weights.root().at("a").take("c", &[1]).unwrap_err().to_string();
        assert!(error.contains("w.safetensors: tensor a.c is missing"), "{error}");
        assert_eq!(weights.root().at("a").take("b", &[1, 2]).unwrap(), [1.0, -0.5]);
        assert!(weights.root().at("a").take("b", &[1, 2]).is_err());
        weights.finish().unwrap();
    }

    #[test]
    fn wrong_shapes_and_left_overs_are_named() {
        let error = weights().root().take("a.b", &[2]).unwrap_err().to_string();
        assert!(error.contains("a.b has shape [1, 2] where the manifest needs [2]"), "{error}");
        let error = weights().finish().unwrap_err().to_string();
        assert!(error.contains("unexpected tensor a.b"), "{error}");
    }

    #[test]
    fn other_numbers_and_damage_are_refused() {
        let view = TensorView::new(Dtype::I8, vec![2], &[1, 2]).unwrap();
        let bytes = safetensors::serialize([("x", view)], None).unwrap();
        assert!(Weights::read(&bytes, "w").err().unwrap().to_string().contains("tensor x holds I8"));
        assert!(Weights::read(&bytes[..bytes.len() - 1], "w").err().unwrap().to_string().contains("cut short"));
    }
}
