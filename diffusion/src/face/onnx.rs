//! ONNX files through the `rten` runtime.

use std::path::Path;

use rten::{Dimension, Model, Value, ValueView};
use shared::{Error, Result};

/// Largest file that is read; the largest of the published ones has 261 MB.
const MOST_BYTES: u64 = 1 << 30;

const MEND: &str = "fetch the file again, or take it out of the pack";

/// A network with one input.
pub(super) struct Onnx {
    file: String,
    model: Model,
}

/// One of a network's answers.
pub(super) struct Output {
    /// Its name in the file.
    pub(super) name: String,
    /// Its numbers, the last dimension running fastest.
    pub(super) data: Vec<f32>,
}

impl Onnx {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is missing, too large, no ONNX file, or uses what the runtime does not know.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let missing = |e| Error::order(format!("cannot read {file}")).from_source(e).mend(MEND);
        let bytes = std::fs::metadata(path).map_err(missing)?.len();
        if bytes > MOST_BYTES {
            return Err(
                Error::order(format!("{file} has {bytes} bytes, more than any known network for faces")).mend(MEND)
            );
        }
        let model = Model::load_file(path)
            .map_err(|e| Error::order(format!("{file} is no ONNX file that can be used")).from_source(e).mend(MEND))?;
        if model.input_ids().len() != 1 {
            let inputs = model.input_ids().len();
            return Err(Error::order(format!("{file} takes {inputs} inputs where one picture belongs")).mend(MEND));
        }
        Ok(Self { file, model })
    }

    /// How many outputs it has.
    pub(super) fn outputs(&self) -> usize {
        self.model.output_ids().len()
    }

    /// The edge of the square picture that it takes, `[n, 3, edge, edge]`; nothing when it takes any size.
    ///
    /// # Errors
    /// When it takes something else.
    pub(super) fn edge(&self) -> Result<Option<usize>> {
        let shape = self.model.input_shape(0).unwrap_or_default();
        let fixed = |at: usize| match shape.get(at) {
            Some(Dimension::Fixed(size)) => Some(*size),
            _ => None,
        };
        let square = fixed(2) == fixed(3) && fixed(2).is_none_or(|edge| (32..=4096).contains(&edge) && edge % 32 == 0);
        if shape.len() != 4 || fixed(1).is_some_and(|channels| channels != 3) || !square {
            return Err(self.refuse(&format!("takes an input of shape {shape:?}, not a square RGB picture")));
        }
        Ok(fixed(2))
    }

    /// Runs it on one picture `[1, 3, edge, edge]`; the outputs in the file's order.
    ///
    /// # Errors
    /// When it cannot be run or does not answer in numbers.
    pub(super) fn run(&self, planes: &[f32], edge: usize) -> Result<Vec<Output>> {
        let broken = |e| {
            Error::order(format!("{} cannot be run on a picture of {edge}x{edge}", self.file)).mend(MEND).from_source(e)
        };
        let input = ValueView::from_shape([1, 3, edge, edge], planes)
            .map_err(|e| Error::world(format!("a picture for {} has the wrong size", self.file)).from_source(e))?;
        let outputs = self.model.output_ids();
        let values = self
            .model
            .run(vec![(self.model.input_ids()[0], input.into())], outputs, None)
            .map_err(|e| broken(Box::<dyn std::error::Error + Send + Sync>::from(e)))?;
        let answer = |(id, value): (&rten::NodeId, Value)| {
            let name = self.model.node_info(*id).and_then(|node| node.name()).unwrap_or("unnamed").to_owned();
            let data =
                numbers(&value).ok_or_else(|| self.refuse(&format!("answers \"{name}\" with no table of numbers")))?;
            Ok(Output { name, data })
        };
        outputs.iter().zip(values).map(answer).collect()
    }

    /// An error about this file.
    pub(super) fn refuse(&self, what: &str) -> Error {
        Error::order(format!("{} {what}", self.file)).mend(MEND)
    }

    /// The numbers of an output that must have `count` of them.
    ///
    /// # Errors
    /// When it has another number of them.
    pub(super) fn expect<'a>(&self, output: &'a Output, count: usize) -> Result<&'a [f32]> {
        if output.data.len() == count {
            return Ok(&output.data);
        }
        let (name, found) = (&output.name, output.data.len());
        Err(self.refuse(&format!("answers \"{name}\" with {found} numbers where {count} belong")))
    }
}

/// The numbers of a table of two to four dimensions.
fn numbers(value: &Value) -> Option<Vec<f32>> {
    let two = value.clone().into_shape_vec::<f32, 2>().map(|(_, data)| data).ok();
    let three = || value.clone().into_shape_vec::<f32, 3>().map(|(_, data)| data).ok();
    let four = || value.clone().into_shape_vec::<f32, 4>().map(|(_, data)| data).ok();
    two.or_else(three).or_else(four)
}
