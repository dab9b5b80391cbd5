//! What may stand on the stack of the pickle machine.

use std::rc::Rc;

use safetensors::Dtype;

/// The place of a value among all that the machine has made. Values refer to one another by it, so that a value that is
/// used many times is kept once.
pub(super) type Id = usize;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// `None`, a truth value or a number with a fraction; a state dictionary has them where nothing depends on them.
    Other,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// A tuple or a list.
    Row(Vec<Id>),
    /// A dictionary.
    Dict(Vec<(Id, Id)>),
    /// Something that may be called.
    Callable(Callable),
    /// The numbers behind tensors.
    Storage(Storage),
    /// A tensor; whoever refers to it shares it.
    Tensor(Rc<SavedTensor>),
}

/// Everything that a pickle of weights may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callable {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`
    Tensor,
    /// `torch._utils._rebuild_parameter`
    Parameter,
    /// `torch.HalfStorage` and the like: how numbers are stored.
    Storage(Dtype),
}

impl Callable {
    /// What `module.name` stands for; nothing for whatever does not belong into weights.
    pub(super) fn named(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::Tensor,
            ("torch._utils", "_rebuild_parameter") => Self::Parameter,
            ("torch", "HalfStorage") => Self::Storage(Dtype::F16),
            ("torch", "BFloat16Storage") => Self::Storage(Dtype::BF16),
            ("torch", "FloatStorage") => Self::Storage(Dtype::F32),
            ("torch", "DoubleStorage") => Self::Storage(Dtype::F64),
            ("torch", "LongStorage") => Self::Storage(Dtype::I64),
            ("torch", "IntStorage") => Self::Storage(Dtype::I32),
            ("torch", "ShortStorage") => Self::Storage(Dtype::I16),
            ("torch", "CharStorage") => Self::Storage(Dtype::I8),
            ("torch", "ByteStorage") => Self::Storage(Dtype::U8),
            ("torch", "BoolStorage") => Self::Storage(Dtype::BOOL),
            _ => return None,
        })
    }
}

/// The numbers behind tensors: an entry of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    /// Its name in the archive.
    pub(super) key: String,
    /// How its numbers are stored.
    pub(super) dtype: Dtype,
    /// How many there are.
    pub(super) numbers: u64,
}

/// A tensor as the pickle describes it; nothing of it is known to be true yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SavedTensor {
    /// The name of its storage.
    pub(super) storage: String,
    /// How its numbers are stored.
    pub(super) dtype: Dtype,
    /// Numbers in the storage.
    pub(super) numbers: u64,
    /// Numbers of the storage before its first.
    pub(super) offset: u64,
    /// Extents.
    pub(super) shape: Vec<u64>,
    /// Distance between neighbours along each axis, in numbers; as long as `shape`.
    pub(super) strides: Vec<u64>,
}
