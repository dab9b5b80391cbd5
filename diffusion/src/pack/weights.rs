//! The tensors of a file of weights on their way into the network: each taken once, by name and shape, and converted
//! straight from the mapped file, so that no second copy of the weights is ever in memory.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::Path,
};

use half::f16;
use safetensors::Dtype;
use shared::{Error, Result};

use super::{header, mapped::Mapped, missing, stored::Stored};
use crate::{
    kernels::{Form, Numbers},
    pickle::{self, Index},
};

const MEND: &str = "fetch the pack again; its weights do not belong to its sizes";
/// Names that a message lists before it says how many more there are.
const LISTED: usize = 5;

/// The precision of numbers that are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drawn {
    /// Single precision.
    Singles,
    /// Half precision for layers, as in published files.
    Halves,
}

/// A file of weights, and which of its tensors nobody took yet.
pub(crate) struct Weights {
    name: String,
    /// Nothing where only shapes count.
    file: Option<File>,
    /// Whether there are tensors, of which nothing but names, shapes and precision is looked at.
    outline: bool,
    stored: BTreeMap<String, Stored>,
    /// Shapes of the tensors that got no name, by those that they have in the file.
    passed: BTreeMap<String, Vec<usize>>,
    /// Whether `PyTorch` saved it, so that it is a release's own file.
    pickled: bool,
    left: RefCell<BTreeSet<String>>,
    /// What was taken where only shapes count.
    noted: RefCell<BTreeMap<String, Vec<usize>>>,
    /// In which precision numbers are made up for whatever is asked for, if they are.
    drawn: Option<Drawn>,
    form: Form,
}

impl Weights {
    /// Opens a safetensors file, or a state dictionary saved by PyTorch (`.pth`, `.pt`, `.ckpt`, `.bin`).
    ///
    /// # Errors
    /// When it is missing, damaged, or holds anything but tensors.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::open_as(path, |name| Some(name.to_owned()))
    }

    /// As [`Self::open`], each tensor under the name that `rename` gives it. Those that get none are passed over unread,
    /// as if they were not there.
    ///
    /// # Errors
    /// See [`Self::open`]; when two tensors get the same name.
    pub(crate) fn open_as(path: &Path, rename: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let file = File::open(path).map_err(|e| missing(path, e))?;
        let name = path.display().to_string();
        let pickled =
            path.extension().is_some_and(|end| ["pth", "pt", "ckpt", "bin"].iter().any(|known| end == *known));
        let Index { tensors: found, mut passed } = if pickled {
            pickle::index(&file, &name, |key| rename(key).is_some())?
        } else {
            Index { tensors: header::read(&file, &name)?, ..Index::default() }
        };
        let mut stored = BTreeMap::new();
        for (key, tensor) in found {
            let Some(new) = rename(&key) else {
                passed.insert(key, tensor.shape);
                continue;
            };
            if stored.insert(new.clone(), tensor).is_some() {
                return Err(Error::order(format!("{name}: tensor {key} is there a second time as {new}")).mend(MEND));
            }
        }
        let left = RefCell::new(stored.keys().cloned().collect());
        Ok(Self {
            name,
            file: Some(file),
            outline: false,
            stored,
            passed,
            pickled,
            left,
            noted: RefCell::default(),
            drawn: None,
            form: Form::Exact,
        })
    }

    /// Weights of which only the shapes count: a network is built from whatever it asks for, without a number, and can be
    /// measured but not run.
    pub(crate) fn absent(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            file: None,
            outline: false,
            stored: BTreeMap::new(),
            passed: BTreeMap::new(),
            pickled: false,
            left: RefCell::default(),
            noted: RefCell::default(),
            drawn: None,
            form: Form::Exact,
        }
    }

    /// Weights of whatever shape is asked for, with random numbers of the size that leaves maps as large as they were.
    pub(crate) fn drawn(name: &str) -> Self {
        Self { drawn: Some(Drawn::Singles), ..Self::absent(name) }
    }

    /// As [`Self::drawn`]; layers get them in half precision, in which files are published.
    pub(crate) fn drawn_halves(name: &str) -> Self {
        Self { drawn: Some(Drawn::Halves), ..Self::absent(name) }
    }

    /// Checks the tensors that got no name, which nobody will read: a release's own file has exactly the `expected` ones with their
    /// shapes; a file that was converted from it may have left them out, all of them.
    ///
    /// # Errors
    /// Names a tensor that is missing, has another shape, or does not belong there.
    pub(crate) fn passed_over(&self, expected: &BTreeMap<String, Vec<usize>>) -> Result<()> {
        if self.passed.is_empty() && !self.pickled {
            return Ok(());
        }
        for (name, shape) in expected {
            match self.passed.get(name) {
                Some(found) if found == shape => {}
                Some(found) => return Err(self.misshapen(name, found, shape)),
                None => return Err(self.fault(&format!("tensor {name} is missing"))),
            }
        }
        match self.passed.keys().find(|name| !expected.contains_key(*name)) {
            Some(name) => Err(self.fault(&format!("unexpected tensor {name}"))),
            None => Ok(()),
        }
    }

    /// The same tensors without their numbers: a network that is built from it is told what is missing, misshapen or left over
    /// as if it were loaded, while nothing is read.
    pub(crate) fn outline(&self) -> Self {
        Self {
            name: self.name.clone(),
            file: None,
            outline: true,
            stored: self.stored.clone(),
            passed: self.passed.clone(),
            pickled: self.pickled,
            left: RefCell::new(self.stored.keys().cloned().collect()),
            noted: RefCell::default(),
            drawn: None,
            form: Form::Exact,
        }
    }

    /// The shapes of what a network took from [`Self::absent`], by name.
    pub(crate) fn noted(&self) -> BTreeMap<String, Vec<usize>> {
        self.noted.borrow().clone()
    }

    /// The same weights for a network whose products are computed in `form`; they are exact without.
    pub(crate) fn computed(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// The root of all names.
    pub(crate) fn root(&self) -> Scope<'_> {
        Scope { weights: self, prefix: String::new(), form: self.form }
    }

    /// The file's name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// All tensors, by name.
    pub(crate) fn stored(&self) -> &BTreeMap<String, Stored> {
        &self.stored
    }

    /// Bytes of all numbers together.
    pub(crate) fn bytes(&self) -> u64 {
        self.stored.values().map(|stored| stored.count() as u64 * stored.dtype.bitsize() as u64 / 8).sum()
    }

    /// The bytes of a tensor from its first number to its last, mapped: they cost memory only while they are read.
    ///
    /// # Errors
    /// When the file was cut since it was opened.
    pub(crate) fn map(&self, stored: &Stored) -> Result<Mapped> {
        let absent = || Error::world(format!("{}: no tensor is there, only shapes", self.name));
        let file = self.file.as_ref().ok_or_else(absent)?;
        Mapped::new(file, stored.offset, stored.length).map_err(|e| missing(Path::new(&self.name), e))
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// When a tensor is left over, since a network that ignores weights is not the one that was trained.
    pub(crate) fn finish(self) -> Result<()> {
        if let Some(why) = crate::cuda::failure() {
            return Err(Error::world(format!("{}: {why}", self.name))
                .mend("free the card's memory, or compute on another device"));
        }
        let left: Vec<String> = self.left.take().into_iter().collect();
        match left.len() {
            0 => Ok(()),
            1 => Err(self.fault(&format!("unexpected tensor {}", left[0]))),
            count => Err(self.fault(&format!("{count} unexpected tensors: {}", list(&left)))),
        }
    }

    fn misshapen(&self, name: &str, found: &[usize], needed: &[usize]) -> Error {
        self.fault(&format!("tensor {name} has shape {found:?} where the pack's sizes need {needed:?}"))
    }

    fn fault(&self, what: &str) -> Error {
        Error::order(format!("{}: {what}", self.name)).mend(MEND)
    }
}

/// The first few of `names`, and how many more there are.
fn list(names: &[String]) -> String {
    let shown = names[..names.len().min(LISTED)].join(", ");
    match names.len().checked_sub(LISTED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// A place in the tree of names.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    weights: &'a Weights,
    prefix: String,
    form: Form,
}

impl<'a> Scope<'a> {
    /// The place `name` below this one.
    pub(crate) fn at(&self, name: impl std::fmt::Display) -> Self {
        Self { weights: self.weights, prefix: format!("{}{name}.", self.prefix), form: self.form }
    }

    /// The same place, for products that are exact in every form.
    pub(crate) fn exact(&self) -> Self {
        Self { form: Form::Exact, ..self.clone() }
    }

    /// The same place, for what works beside the rest of the network.
    pub(crate) fn decoding(&self) -> Self {
        Self { form: self.form.decoding(), ..self.clone() }
    }

    /// How products with these weights are computed.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Takes the tensor `name`, which must have `shape`, as `f32`.
    ///
    /// # Errors
    /// When it is missing, has another shape, or does not hold floating-point numbers.
    pub(crate) fn take(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut numbers = Vec::new();
        self.take_into(name, shape, &mut numbers)?;
        Ok(numbers)
    }

    /// Takes the tensor `name` in the precision in which it is stored; `bfloat16` is widened.
    ///
    /// # Errors
    /// See [`Self::take`].
    pub(crate) fn numbers(&self, name: &str, shape: &[usize]) -> Result<Numbers> {
        if let Some(drawn) = self.weights.drawn {
            let numbers = self.take(name, shape)?;
            return Ok(match drawn {
                Drawn::Halves => Numbers::Half(numbers.into_iter().map(f16::from_f32).collect()),
                Drawn::Singles => Numbers::Single(numbers),
            });
        }
        if self.noted(name, shape) {
            return Ok(Numbers::Absent(shape.iter().product()));
        }
        if self.weights.outline {
            return Ok(Numbers::Absent(self.outlined(name, shape)?));
        }
        let full = format!("{}{name}", self.prefix);
        let stored = self.weights.stored.get(&full);
        if stored.is_none_or(|stored| stored.dtype != Dtype::F16 || stored.strides.is_some()) {
            return self.take(name, shape).map(Numbers::Single);
        }
        let bytes = self.weights.map(self.claim(name, shape)?)?;
        Ok(Numbers::Half(bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b)).collect()))
    }

    /// Passes over the tensors called `names` that nobody took yet, once they are known to be there in the shapes that `names` holds.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub(crate) fn pass_over(&self, names: &BTreeMap<String, Vec<usize>>) -> Result<()> {
        for (name, shape) in names {
            if self.noted(name, shape) {
                continue;
            }
            let full = format!("{}{name}", self.prefix);
            self.find(&full, shape)?;
            self.weights.left.borrow_mut().remove(&full);
        }
        Ok(())
    }

    /// Where only shapes count: notes that of `name`.
    fn noted(&self, name: &str, shape: &[usize]) -> bool {
        let absent = self.weights.file.is_none() && !self.weights.outline;
        if absent {
            self.weights.noted.borrow_mut().insert(format!("{}{name}", self.prefix), shape.to_vec());
        }
        absent
    }

    /// As [`Self::take`], appended to `numbers`.
    ///
    /// # Errors
    /// See [`Self::take`].
    pub(crate) fn take_into(&self, name: &str, shape: &[usize], numbers: &mut Vec<f32>) -> Result<()> {
        if self.weights.drawn.is_some() {
            draw(name, shape, numbers);
            return Ok(());
        }
        if self.noted(name, shape) {
            numbers.extend(std::iter::repeat_n(0.0, shape.iter().product()));
            return Ok(());
        }
        if self.weights.outline {
            numbers.extend(std::iter::repeat_n(0.0, self.outlined(name, shape)?));
            return Ok(());
        }
        let stored = self.claim(name, shape)?;
        let bytes = self.weights.map(stored)?;
        numbers.reserve_exact(stored.count());
        stored.numbers(&bytes, numbers).ok_or_else(|| self.foreign(name, stored))
    }

    /// Claims a tensor of which only the outline is there; gives how many numbers it has.
    fn outlined(&self, name: &str, shape: &[usize]) -> Result<usize> {
        let stored = self.claim(name, shape)?;
        if matches!(stored.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            Ok(stored.count())
        } else {
            Err(self.foreign(name, stored))
        }
    }

    /// A tensor that does not hold floating-point numbers of 16 or 32 bits.
    fn foreign(&self, name: &str, stored: &Stored) -> Error {
        let what = format!("tensor {}{name} holds {:?}", self.prefix, stored.dtype);
        Error::order(format!("{}: {what}", self.weights.name)).mend("use weights in F32, F16 or BF16")
    }

    fn claim(&self, name: &str, shape: &[usize]) -> Result<&'a Stored> {
        let full = format!("{}{name}", self.prefix);
        let found = self.find(&full, shape)?;
        if self.weights.left.borrow_mut().remove(&full) {
            Ok(found)
        } else {
            Err(self.weights.fault(&format!("tensor {full} is needed twice")))
        }
    }

    /// The tensor whose whole name is `full`, which must have `shape`.
    fn find(&self, full: &str, shape: &[usize]) -> Result<&'a Stored> {
        let weights = self.weights;
        match weights.stored.get(full) {
            Some(found) if found.shape == shape => Ok(found),
            Some(found) => Err(weights.misshapen(full, &found.shape, shape)),
            None => Err(weights.fault(&format!("tensor {full} is missing"))),
        }
    }
}

/// Appends random numbers for a tensor: scales of norms are ones, matrices as large as their inputs are many.
fn draw(name: &str, shape: &[usize], numbers: &mut Vec<f32>) {
    let inner: usize = shape.iter().skip(1).product::<usize>().max(1);
    let (base, scale) = match shape.len() {
        1 if name == "weight" => (1.0, 0.1),
        1 => (0.0, 0.1),
        _ => (0.0, (3.0 / inner as f32).sqrt()),
    };
    let mut state = inner as u32;
    numbers.extend((0..shape.iter().product::<usize>()).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        base + scale * ((state >> 8) as f32 / (1 << 23) as f32 - 1.0)
    }));
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    /// A file with the tensor `a.b`, `[1, 2]` in half precision.
    fn weights() -> (tempfile::TempDir, Weights) {
        let data: Vec<u8> = [1.0f32, -0.5].iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
        file(&[("a.b", TensorView::new(Dtype::F16, vec![1, 2], &data).unwrap())])
    }

    fn file(tensors: &[(&str, TensorView<'_>)]) -> (tempfile::TempDir, Weights) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.safetensors");
        std::fs::write(&path, safetensors::serialize(tensors.iter().cloned(), None).unwrap()).unwrap();
        let weights = Weights::open(&path).unwrap();
        (dir, weights)
    }

    #[test]
    fn each_tensor_is_taken_once_with_its_shape() {
        let (_dir, weights) = weights();
        let a = weights.root().at("a");
        let error = a.take("c", &[1]).unwrap_err().to_string();
        assert!(error.contains("w.safetensors: tensor a.c is missing"), "{error}");
        assert_eq!(a.take("b", &[1, 2]).unwrap(), [1.0, -0.5]);
        assert!(a.take("b", &[1, 2]).unwrap_err().to_string().contains("a.b is needed twice"));
        weights.finish().unwrap();
    }

    #[test]
    fn wrong_shapes_and_left_overs_are_named() {
        let error = weights().1.root().take("a.b", &[2]).unwrap_err().to_string();
        assert!(error.contains("a.b has shape [1, 2] where the pack's sizes need [2]"), "{error}");
        let error = weights().1.finish().unwrap_err().to_string();
        assert!(error.contains("unexpected tensor a.b"), "{error}");
        let names: Vec<String> = (0..9).map(|i| format!("x{i}")).collect();
        let view = || TensorView::new(Dtype::F16, vec![1], &[0; 2]).unwrap();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), view())).collect();
        let error = file(&many).1.finish().unwrap_err().to_string();
        assert!(error.contains("9 unexpected tensors: x0, x1, x2, x3, x4 and 4 more"), "{error}");
    }

    #[test]
    fn an_outline_is_refused_for_what_the_whole_is_refused_for() {
        let (_dir, weights) = weights();
        let outline = weights.outline();
        assert!(outline.root().numbers("a.b", &[2]).err().unwrap().to_string().contains("a.b has shape [1, 2]"));
        assert!(outline.root().take("a.c", &[2]).unwrap_err().to_string().contains("a.c is missing"));
        assert!(weights.outline().finish().unwrap_err().to_string().contains("unexpected tensor a.b"));
        assert_eq!(outline.root().take("a.b", &[1, 2]).unwrap(), [0.0, 0.0]);
        outline.finish().unwrap();
    }

    #[test]
    fn other_numbers_and_damage_are_refused() {
        let (dir, weights) = file(&[("x", TensorView::new(Dtype::I8, vec![2], &[1, 2]).unwrap())]);
        for weights in [weights.outline(), weights] {
            let error = weights.root().take("x", &[2]).unwrap_err().to_string();
            assert!(error.contains("tensor x holds I8"), "{error}");
        }
        let path = dir.path().join("w.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        for cut in [bytes.len() - 1, bytes.len() - 3, 20, 7, 0] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let error = Weights::open(&path).err().unwrap().to_string();
            assert!(error.contains("w.safetensors") && error.contains("cut short"), "{error}");
        }
    }
}
