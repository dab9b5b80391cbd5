//! What an operator does on a card: tensors in, launches of kernels, one tensor out.

use candle_core::{Result, Shape, Tensor};

use super::{card::Kind, op};

/// Threads of a block in kernels that go through numbers.
const THREADS: usize = 256;
/// Blocks that such a kernel has at most; each goes on where the last one ended.
const MOST_BLOCKS: usize = 1 << 20;

/// A file of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Module {
    Attention,
    Gate,
    Norm,
    Product,
    Rows,
    Step,
}

/// An argument of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Argument {
    /// A tensor of the plan, by its place.
    Input(usize),
    /// No tensor.
    Null,
    /// The tensor that is made.
    Output,
    /// The plan's memory in between.
    Scratch,
    /// A size.
    Whole(i32),
    /// A number.
    Real(f32),
}

/// One launch. A build that knows no cards makes them and carries none out.
#[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "such a build carries none out"))]
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) module: Module,
    /// The kernel's whole name.
    pub(super) kernel: String,
    /// Blocks along both axes.
    pub(super) grid: [u32; 2],
    /// Threads of a block.
    pub(super) threads: u32,
    pub(super) arguments: Vec<Argument>,
}

/// An operator that is ready to be carried out.
pub(super) struct Plan {
    pub(super) name: &'static str,
    /// The numbers of the tensor that is made.
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    /// All contiguous and on one device.
    pub(super) inputs: Vec<Tensor>,
    /// How many numbers of single precision its launches need in between.
    pub(super) scratch: usize,
    pub(super) launches: Vec<Launch>,
}

impl Plan {
    /// A plan for an operator called `name` that makes a tensor of `shape`.
    pub(super) fn new(name: &'static str, kind: Kind, shape: impl Into<Shape>) -> Self {
        Self { name, kind, shape: shape.into(), inputs: Vec::new(), scratch: 0, launches: Vec::new() }
    }

    /// Adds a tensor.
    pub(super) fn input(&mut self, tensor: &Tensor) -> Result<Argument> {
        self.inputs.push(tensor.contiguous()?);
        Ok(Argument::Input(self.inputs.len() - 1))
    }

    /// Adds a tensor, or nothing.
    pub(super) fn optional(&mut self, tensor: Option<&Tensor>) -> Result<Argument> {
        tensor.map_or(Ok(Argument::Null), |tensor| self.input(tensor))
    }

    /// Adds the launch of a kernel by the name that it has without its numbers.
    pub(super) fn launch(
        &mut self,
        module: Module,
        kernel: &str,
        grid: [usize; 2],
        threads: usize,
        arguments: Vec<Argument>,
    ) -> Result<()> {
        let size = |count: usize| u32::try_from(count).map_err(|_| too_large(self.name, count));
        let grid = [size(grid[0])?, size(grid[1])?];
        let kernel = format!("{kernel}_{}", self.kind.name());
        self.launches.push(Launch { module, kernel, grid, threads: size(threads)?, arguments });
        Ok(())
    }

    /// As [`Self::launch`], for kernels that go through `count` numbers.
    pub(super) fn launch_over(
        &mut self,
        module: Module,
        kernel: &str,
        count: usize,
        arguments: Vec<Argument>,
    ) -> Result<()> {
        self.launch(module, kernel, [count.div_ceil(THREADS).min(MOST_BLOCKS), 1], THREADS, arguments)
    }

    /// Carries it out; nothing is launched for an empty tensor.
    pub(super) fn run(self) -> Result<Tensor> {
        match self.inputs.first() {
            Some(first) if self.shape.elem_count() > 0 => op::run(&first.clone(), self),
            Some(first) => Tensor::zeros(self.shape, self.kind.dtype(), first.device()),
            None => candle_core::bail!("{}: an operator without a tensor", self.name),
        }
    }
}

/// A size as kernels take it.
pub(super) fn whole(name: &'static str, size: usize) -> Result<Argument> {
    i32::try_from(size).map(Argument::Whole).map_err(|_| too_large(name, size))
}

/// Sizes as kernels take them.
pub(super) fn wholes(name: &'static str, sizes: &[usize]) -> Result<Vec<Argument>> {
    sizes.iter().map(|size| whole(name, *size)).collect()
}

fn too_large(name: &str, size: usize) -> candle_core::Error {
    candle_core::Error::Msg(format!(
        "{name}: {size} is more than a kernel counts to; draw smaller pictures or shorter clips"
    ))
}
