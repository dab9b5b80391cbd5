//! One custom operator of candle for all kernels: slices in, one slice out.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::{fresh, meter};

/// Makes a tensor of `shape` from one to three contiguous `f32` inputs; `fill` gets a slice of any numbers and writes all
/// of them.
pub(super) fn run<const N: usize>(
    name: &'static str,
    inputs: [&Tensor; N],
    shape: impl Into<Shape>,
    fill: impl Fn([&[f32]; N], &mut [f32]),
) -> Result<Tensor> {
    let shape = shape.into();
    if meter::runs() {
        return meter::zeros(shape);
    }
    // The operators below know how many inputs they have only when they run.
    let fill = |slices: &[&[f32]], out: &mut [f32]| match slices.try_into() {
        Ok(slices) => {
            fill(slices, out);
            Ok(())
        }
        Err(_) => bail!("{name}: {} inputs instead of {N}", slices.len()),
    };
    let op = Op { name, shape, fill };
    meter::operator(name, &op.shape, || match inputs[..] {
        [a] => a.contiguous()?.apply_op1_no_bwd(&op),
        [a, b] => a.contiguous()?.apply_op2_no_bwd(&b.contiguous()?, &op),
        [a, b, c] => a.contiguous()?.apply_op3_no_bwd(&b.contiguous()?, &c.contiguous()?, &op),
        _ => bail!("{name}: an operator has one to three inputs"),
    })
}

struct Op<F> {
    name: &'static str,
    shape: Shape,
    fill: F,
}

impl<F: Fn(&[&[f32]], &mut [f32]) -> Result<()>> Op<F> {
    fn call(&self, inputs: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let slices = inputs.iter().map(|(storage, layout)| slice(storage, layout)).collect::<Result<Vec<_>>>()?;
        let mut out = fresh::numbers(self.shape.elem_count());
        (self.fill)(&slices, &mut out)?;
        Ok((CpuStorage::F32(out), self.shape.clone()))
    }
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("a kernel got a tensor that is not contiguous"),
    }
}

impl<F: Fn(&[&[f32]], &mut [f32]) -> Result<()>> CustomOp1 for Op<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.call(&[(storage, layout)])
    }
}

impl<F: Fn(&[&[f32]], &mut [f32]) -> Result<()>> CustomOp2 for Op<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, a: &CpuStorage, la: &Layout, b: &CpuStorage, lb: &Layout) -> Result<(CpuStorage, Shape)> {
        self.call(&[(a, la), (b, lb)])
    }
}

impl<F: Fn(&[&[f32]], &mut [f32]) -> Result<()>> CustomOp3 for Op<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
        c: &CpuStorage,
        lc: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.call(&[(a, la), (b, lb), (c, lc)])
    }
}
