//! Convolutions and linear layers: rows of pixels times packed weights, with bias and residual.

use std::ops::Range;

use candle_core::{Result, Tensor, bail};

use super::{
    meter, op,
    packed::{Data, Packed},
    winograd::Plan,
};
use crate::cuda;

/// Below this many multiply-adds, threads cost more than they bring.
pub(super) const WORTH_THREADS: usize = 200_000;

/// Which input pixels each output pixel sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Height and width of the kernel.
    pub(crate) kernel: [usize; 2],
    /// Steps between output pixels.
    pub(crate) stride: usize,
    /// Distance between taps.
    pub(crate) dilation: usize,
    /// Zero rows before the first and after the last.
    pub(crate) pad_y: [usize; 2],
    /// Zero columns before the first and after the last.
    pub(crate) pad_x: [usize; 2],
    /// How often each input pixel is repeated along both axes first (nearest neighbour).
    pub(crate) repeat: usize,
}

impl Geometry {
    /// One pixel in, one pixel out.
    pub(crate) const POINT: Self =
        Self { kernel: [1, 1], stride: 1, dilation: 1, pad_y: [0, 0], pad_x: [0, 0], repeat: 1 };
    /// 3 x 3, padding 1.
    pub(crate) const SAME: Self = Self { kernel: [3, 3], pad_y: [1, 1], pad_x: [1, 1], ..Self::POINT };
    /// 3 x 3, padding 1, every second pixel.
    pub(crate) const HALVE: Self = Self { stride: 2, ..Self::SAME };
    /// As [`Self::HALVE`], but padded below and on the right only, as the SD VAE does.
    pub(crate) const HALVE_CORNER: Self = Self { pad_y: [0, 1], pad_x: [0, 1], ..Self::HALVE };
    /// 3 x 3 over the picture at twice its size.
    pub(crate) const DOUBLE: Self = Self { repeat: 2, ..Self::SAME };

    /// Along one line, `kernel` wide, as many outputs as inputs.
    pub(crate) fn line(kernel: usize, dilation: usize) -> Self {
        let reach = dilation * (kernel / 2);
        Self { kernel: [1, kernel], dilation, pad_x: [reach, reach], ..Self::POINT }
    }

    /// Number of taps.
    pub(crate) fn taps(self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    fn output(self, [height, width]: [usize; 2]) -> [usize; 2] {
        let along = |size: usize, kernel: usize, pad: [usize; 2]| {
            let room = size * self.repeat + pad[0] + pad[1];
            (room.saturating_sub(self.dilation * (kernel - 1) + 1)) / self.stride + 1
        };
        [along(height, self.kernel[0], self.pad_y), along(width, self.kernel[1], self.pad_x)]
    }
}

/// A convolution or linear layer.
#[derive(Debug)]
pub(crate) struct Product {
    pub(super) weights: Packed,
    bias: Option<Vec<f32>>,
    /// The bias on a card.
    placed: cuda::Resident,
    pub(super) geometry: Geometry,
}

impl Product {
    /// A layer with `weights` that have the geometry's taps.
    pub(crate) fn new(weights: Packed, bias: Option<Vec<f32>>, geometry: Geometry) -> Self {
        Self { weights, bias, placed: cuda::Resident::default(), geometry }
    }

    /// The bias, or nothing.
    pub(crate) fn bias(&self) -> Option<&[f32]> {
        self.bias.as_deref()
    }

    /// Rows `[.., inner]` to `[.., outer]` through a layer of one tap.
    pub(crate) fn rows(&self, x: &Tensor) -> Result<Tensor> {
        self.rows_onto(x, None)
    }

    /// As [`Self::rows`], added to `residual`.
    pub(crate) fn rows_onto(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        let Some(last) = shape.last_mut() else { bail!("a linear layer needs rows") };
        *last = self.weights.outer;
        let rows = x.elem_count() / self.weights.inner;
        let sizes = Sizes { input: [1, rows], output: [1, rows], order: Order::ByRow };
        self.run(x, sizes, shape, self.bias(), residual)
    }

    /// As [`Self::rows`], only the output columns in `columns`: `[.., columns]`.
    ///
    /// Where the columns are not whole blocks of this machine's vectors, all are computed and the others thrown away.
    pub(crate) fn rows_of(&self, x: &Tensor, columns: Range<usize>) -> Result<Tensor> {
        let Packed { inner, outer, width, .. } = self.weights;
        let aligned = |at: usize| at.is_multiple_of(width) || at == outer;
        if self.weights.on_card().is_none() && (!aligned(columns.start) || !aligned(columns.end)) {
            return self.rows(x)?.narrow(x.rank() - 1, columns.start, columns.len())?.contiguous();
        }
        let mut shape = x.dims().to_vec();
        let Some(last) = shape.last_mut() else { bail!("a linear layer needs rows") };
        *last = columns.len();
        let rows = x.elem_count() / inner;
        let sizes = Sizes { input: [1, rows], output: [1, rows], order: Order::ByRow };
        let bias = self.bias().map(|bias| &bias[columns.clone()]);
        self.run_columns(x, sizes, shape, columns, bias, None)
    }

    /// A convolution of maps `[n, height, width, inner]`.
    pub(crate) fn maps(&self, x: &Tensor) -> Result<Tensor> {
        self.maps_onto(x, self.bias(), None)
    }

    /// As [`Self::maps`], with another bias, added to `residual`.
    pub(crate) fn maps_onto(&self, x: &Tensor, bias: Option<&[f32]>, residual: Option<&Tensor>) -> Result<Tensor> {
        let (sizes, shape) = self.map_sizes(x)?;
        self.run(x, sizes, shape, bias, residual)
    }

    /// Sizes and shape of what comes of maps `x`.
    fn map_sizes(&self, x: &Tensor) -> Result<(Sizes, Vec<usize>)> {
        let (n, height, width, _) = x.dims4()?;
        let output = self.geometry.output([height, width]);
        let shape = vec![n, output[0], output[1], self.weights.outer];
        Ok((Sizes { input: [height, width], output, order: Order::ByRow }, shape))
    }

    /// As [`Self::maps`], with a vector `shift` `[1, outer]` added to every pixel.
    pub(crate) fn maps_shifted(&self, x: &Tensor, shift: &Tensor) -> Result<Tensor> {
        if self.weights.on_card().is_some() && !meter::runs() {
            let (sizes, shape) = self.map_sizes(x)?;
            return self.run_on_card(x, sizes, shape, 0..self.weights.outer, self.bias(), [Some(shift), None]);
        }
        // The same for every pixel: another bias.
        let shift = shift.flatten_all()?.to_vec1::<f32>()?;
        let bias: Vec<f32> = shift.iter().zip(self.bias().unwrap_or_default()).map(|(a, b)| a + b).collect();
        self.maps_onto(x, Some(&bias), None)
    }

    /// Whether the weights are on a card.
    pub(crate) fn is_on_card(&self) -> bool {
        self.weights.on_card().is_some()
    }

    /// `x` on the device and in the numbers of this layer's weights, so that it needs not be taken there again and again.
    pub(crate) fn bring(&self, x: &Tensor) -> Result<Tensor> {
        match self.weights.on_card() {
            Some(placed) => cuda::bring(x, placed.get()?),
            None => Ok(x.clone()),
        }
    }

    /// Rows `[films, pixels, frames, inner]` through a layer of one tap, added to maps `[films * frames, .., outer]`:
    /// the rows change their order on the way.
    pub(crate) fn pixels_to_frames(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let (films, pixels, frames, _) = x.dims4()?;
        if self.geometry != Geometry::POINT || residual.dim(0)? != films * frames {
            bail!("rows {:?} do not become maps {:?}", x.dims(), residual.dims());
        }
        let sizes = Sizes { input: [pixels, frames], output: [pixels, frames], order: Order::ByColumn };
        self.run(x, sizes, residual.dims().to_vec(), self.bias(), Some(residual))
    }

    fn run(
        &self,
        x: &Tensor,
        sizes: Sizes,
        shape: Vec<usize>,
        bias: Option<&[f32]>,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        self.run_columns(x, sizes, shape, 0..self.weights.outer, bias, residual)
    }

    fn run_columns(
        &self,
        x: &Tensor,
        sizes: Sizes,
        shape: Vec<usize>,
        columns: Range<usize>,
        bias: Option<&[f32]>,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let Packed { inner, taps, .. } = self.weights;
        if x.dims().last() != Some(&inner) || taps != self.geometry.taps() {
            bail!("a layer of {inner} inputs and {taps} taps got {:?}", x.dims());
        }
        let numbers = shape.iter().product::<usize>();
        if residual.is_some_and(|residual| residual.elem_count() != numbers) {
            bail!("a residual of another shape than {shape:?}");
        }
        if bias.is_some_and(|bias| bias.len() != columns.len()) {
            bail!("a bias of another width than {}", columns.len());
        }
        meter::count(numbers * inner * taps);
        if self.weights.is_absent() && !meter::runs() {
            bail!("a layer without weights can be measured, not run");
        }
        if self.weights.on_card().is_some() && !meter::runs() {
            return self.run_on_card(x, sizes, shape, columns, bias, [None, residual]);
        }
        let zeros = vec![0.0; inner];
        let fill = |x: &[f32], residual: Option<&[f32]>, out: &mut [f32]| {
            Job { layer: self, x, zeros: &zeros, sizes, columns: columns.clone(), bias, residual }.go(out);
        };
        let name = match self.geometry.kernel {
            [1, 1] => "product",
            [3, 3] => "convolution of 3 x 3",
            _ => "convolution",
        };
        match residual {
            None => op::run(name, [x], shape, |[x], out| fill(x, None, out)),
            Some(residual) => op::run(name, [x, residual], shape, |[x, r], out| fill(x, Some(r), out)),
        }
    }
}

impl Product {
    /// As [`Self::run_columns`], on the card that holds the weights, with a shift added to every pixel.
    fn run_on_card(
        &self,
        x: &Tensor,
        sizes: Sizes,
        shape: Vec<usize>,
        columns: Range<usize>,
        bias: Option<&[f32]>,
        [shift, residual]: [Option<&Tensor>; 2],
    ) -> Result<Tensor> {
        let Some(placed) = self.weights.on_card() else { bail!("the weights are not on a card") };
        // The layer's own bias is there already; any other goes over with this call.
        let own = self.bias().filter(|own| bias.is_some_and(|bias| own.as_ptr_range().contains(&bias.as_ptr())));
        let asked = cuda::Asked {
            geometry: self.geometry,
            input: sizes.input,
            output: sizes.output,
            by_column: sizes.order == Order::ByColumn,
            columns,
            bias: own.map_or(bias.map(|bias| (bias, None)), |own| Some((own, Some(&self.placed)))),
            shift,
            residual,
        };
        cuda::product(placed.get()?, self.weights.inner, x, &asked, shape)
    }
}

/// Height and width of maps, and how output rows stand to them.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    input: [usize; 2],
    pub(super) output: [usize; 2],
    pub(super) order: Order,
}

/// In which order the pixels of an output map come out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    ByRow,
    ByColumn,
}

/// A product with its inputs.
pub(super) struct Job<'a> {
    pub(super) layer: &'a Product,
    x: &'a [f32],
    /// An input pixel outside of a map.
    pub(super) zeros: &'a [f32],
    pub(super) sizes: Sizes,
    /// The output columns that are computed: whole blocks, but for the last.
    pub(super) columns: Range<usize>,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) residual: Option<&'a [f32]>,
}

impl<'a> Job<'a> {
    fn go(&self, out: &mut [f32]) {
        let Packed { inner, outer, minimal, ref data, .. } = self.layer.weights;
        match data {
            Data::Tiles(tiles) => self.tiled(tiles, out),
            Data::Numbers(_) | Data::Card(_) => {
                match Plan::of(self.layer.geometry, [inner, outer], self.sizes.output) {
                    Some(plan) if minimal => self.winograd(plan, out),
                    _ => self.direct(out),
                }
            }
        }
    }

    /// The pixel at a place of the map padded by its zeros and repeated, or nothing where there is none.
    #[inline(always)]
    pub(super) fn pixel(&self, map: usize, y: usize, x: usize) -> Option<&'a [f32]> {
        let (inner, geometry) = (self.layer.weights.inner, &self.layer.geometry);
        let [height, width] = self.sizes.input;
        // Before the first row the difference wraps around and lies behind the last.
        let (y, x) = (y.wrapping_sub(geometry.pad_y[0]), x.wrapping_sub(geometry.pad_x[0]));
        let (y, x) = match geometry.repeat {
            1 => (y, x),
            repeat => (y / repeat, x / repeat),
        };
        (y < height && x < width).then(|| &self.x[((map * height + y) * width + x) * inner..][..inner])
    }

    /// The input rows that the taps see from output row `row`; zeros outside of the map.
    #[inline(always)]
    pub(super) fn rows_seen(&self, row: usize, mut see: impl FnMut(usize, &'a [f32])) {
        let inner = self.layer.weights.inner;
        let geometry = &self.layer.geometry;
        let Sizes { output: [out_height, out_width], order, .. } = self.sizes;
        if *geometry == Geometry::POINT && order == Order::ByRow {
            return see(0, &self.x[row * inner..][..inner]);
        }
        let (map, place) = (row / (out_height * out_width), row % (out_height * out_width));
        let [y, x] = match order {
            Order::ByRow => [place / out_width, place % out_width],
            Order::ByColumn => [place % out_height, place / out_height],
        };
        for tap_y in 0..geometry.kernel[0] {
            let y = y * geometry.stride + tap_y * geometry.dilation;
            for tap_x in 0..geometry.kernel[1] {
                let x = x * geometry.stride + tap_x * geometry.dilation;
                let pixels = self.pixel(map, y, x).unwrap_or(self.zeros);
                see(tap_y * geometry.kernel[1] + tap_x, pixels);
            }
        }
    }
}

/// The rows of `out`, `outer` numbers each, cut into `share` columns: the columns of each share, and these of every row.
pub(super) fn shares(out: &mut [f32], outer: usize, share: usize) -> Vec<(Range<usize>, Vec<&mut [f32]>)> {
    let columns = (0..outer).step_by(share.max(1)).map(|start| start..(start + share).min(outer));
    let rows = out.len() / outer.max(1);
    let mut shares: Vec<_> = columns.map(|columns| (columns, Vec::with_capacity(rows))).collect();
    for row in out.chunks_exact_mut(outer.max(1)) {
        for ((_, rows), piece) in shares.iter_mut().zip(row.chunks_mut(share)) {
            rows.push(piece);
        }
    }
    shares
}
