//! Audio layer with three branches: whole picture, face and lips each attend to the audio tokens for themselves.

use candle_core::{Result, Tensor};

use crate::{
    cuda::read,
    kernels::{
        Form, Geometry, GroupNorm, Heads, LayerNorm, Numbers, Packed, Product, add_to_each, attend, meter::part,
        weigh_branches,
    },
    net::{
        attention::{FeedForward, SelfAttention},
        layers::{conv, group_norm, layer_norm, linears},
        transformer::{EPS, Width, tokens},
    },
    pack::{hallo::Branches, weights::Scope},
};

/// Names of the branches in the checkpoint, in the order of `attn2_0`, `attn2_1`, `attn2_2`.
pub(crate) const BRANCHES: [&str; 3] = ["full", "face", "lip"];

/// Sizes of an audio layer: the maps have `outer` channels, the inner width may be smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AudioWidth {
    /// Channels of the maps.
    pub(crate) outer: usize,
    /// Width inside, heads and groups.
    pub(crate) inner: Width,
    /// Numbers in an audio token.
    pub(crate) token: usize,
}

/// Group norm, projection, self-attention, the three branches, feed-forward, projection, residual.
///
/// A branch i of a row is `mask_i (Wo_i a_i + bo_i)`, then a 1x1 convolution `Wz_i`, `bz_i`, then a weight `w_i`. Since the mask is one number
/// for each row, `Wz_i Wo_i` is one matrix, made at loading (exact saving 4), and everything without `a_i` is the same in
/// every clip (exact saving 3): see [`AudioLayer::steady`].
pub(crate) struct AudioLayer {
    width: AudioWidth,
    form: Form,
    norm: GroupNorm,
    proj_in: Product,
    norm1: LayerNorm,
    attn1: SelfAttention,
    norm2: LayerNorm,
    /// Queries of the branches side by side.
    q: Product,
    /// Keys of the branches side by side, then their values.
    kv: Product,
    /// `[Wz_0 Wo_0, Wz_1 Wo_1, Wz_2 Wo_2]`.
    out: Product,
    /// `Wz_i bo_i` and `bz_i` of each branch.
    constants: [[Vec<f32>; 2]; 3],
    norm3: LayerNorm,
    ff: FeedForward,
    proj_out: Product,
}

/// What the branches are at the regions of one film.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    /// `w_i mask_i` of each row, `[hw, 3]`.
    factors: Tensor,
    /// What the branches give without audio, `[hw, inner]`.
    constant: Tensor,
}

impl AudioLayer {
    /// Loads a layer.
    pub(crate) fn load(scope: &Scope<'_>, width: AudioWidth) -> shared::Result<Self> {
        let AudioWidth { outer, inner, token } = width;
        let (groups, channels) = (inner.groups, inner.channels);
        let block = scope.at("transformer_blocks.0");
        let branches = [0, 1, 2].map(|i| block.at(format!("attn2_{i}")));
        let all = |names: &[&str]| -> Vec<Scope<'_>> {
            names.iter().flat_map(|name| branches.iter().map(move |branch| branch.at(name))).collect()
        };
        let mut folded = Vec::new();
        let mut constants = Vec::new();
        for (branch, name) in branches.iter().zip(BRANCHES) {
            let (fold, constant) = fold(&branch.at("to_out.0"), &block.at(format!("zero_conv_{name}")), channels)?;
            folded.push(fold);
            constants.push(constant);
        }
        let constants = constants.try_into().map_err(|_| shared::Error::world("an audio layer has three branches"))?;
        Ok(Self {
            width,
            form: scope.form(),
            norm: group_norm(&scope.at("norm"), groups, outer, EPS)?,
            proj_in: conv(&scope.at("proj_in"), outer, channels, Geometry::POINT)?,
            norm1: layer_norm(&block.at("norm1"), channels)?,
            attn1: SelfAttention::load(&block.at("attn1"), channels, inner.heads, false)?,
            norm2: layer_norm(&block.at("norm2"), channels)?,
            q: linears(&all(&["to_q"]), channels, channels, false)?,
            kv: linears(&all(&["to_k", "to_v"]), token, channels, false)?,
            out: Product::new(side_by_side(scope.form(), &folded, channels), None, Geometry::POINT),
            constants,
            norm3: layer_norm(&block.at("norm3"), channels)?,
            ff: FeedForward::load(&block.at("ff"), channels, inner.ff_mult)?,
            proj_out: conv(&scope.at("proj_out"), channels, outer, Geometry::POINT)?,
        })
    }

    /// Keys and values of audio tokens `[f, tokens, token]` (exact saving 5).
    pub(crate) fn keys(&self, audio: &Tensor) -> Result<Tensor> {
        self.kv.rows(audio)
    }

    /// What does not change during a film: `masks` `[hw, 3]` are those of the branches at this layer's resolution.
    pub(crate) fn steady(&self, masks: &Tensor, weights: Branches) -> Result<Region> {
        let (rows, _) = masks.dims2()?;
        let (channels, weights) = (self.width.inner.channels, [weights.pose, weights.face, weights.lip]);
        let masks = read(masks)?;
        let mut constant = vec![0.0f64; rows * channels];
        for (row, masks) in constant.chunks_exact_mut(channels).zip(masks.chunks_exact(3)) {
            for (([of_mask, always], mask), weight) in self.constants.iter().zip(masks).zip(weights) {
                for ((x, a), b) in row.iter_mut().zip(of_mask).zip(always) {
                    *x += f64::from(weight) * (f64::from(*mask) * f64::from(*a) + f64::from(*b));
                }
            }
        }
        let factors = masks.iter().zip(weights.iter().cycle()).map(|(mask, weight)| mask * weight).collect();
        let constant = constant.into_iter().map(|x| x as f32).collect();
        let device = &candle_core::Device::Cpu;
        let constant = self.out.bring(&Tensor::from_vec::<_, f32>(constant, (rows, channels), device)?)?;
        let factors = Tensor::from_vec::<_, f32>(factors, (rows, 3), device)?.to_device(constant.device())?;
        Ok(Region { factors, constant })
    }

    /// Maps `x` `[f, h, w, c]` through the layer; without `audio` (from [`Self::keys`]) it attends to tokens of zeros.
    pub(crate) fn forward(&self, x: &Tensor, audio: Option<&Tensor>, region: &Region) -> Result<Tensor> {
        let all = part("audio: projections", || tokens(&self.proj_in.rows(&self.norm.forward(x)?)?))?;
        let all = part("audio: self-attention", || self.attn1.forward(&self.norm1.forward(&all)?, &all))?;
        let still = add_to_each(&all, &region.constant)?;
        let all = match audio {
            // Keys and values of zeros are zeros: nothing is left of the branches but their constant.
            None => still,
            Some(audio) => {
                part("audio: branches", || self.branches(&self.norm2.forward(&all)?, audio, region, &still))?
            }
        };
        let all = part("audio: feed-forward", || self.ff.forward(&self.norm3.forward(&all)?, &all))?;
        let (n, height, width, _) = x.dims4()?;
        let inner = self.width.inner.channels;
        part("audio: projections", || self.proj_out.rows_onto(&all.reshape((n, height, width, inner))?, Some(x)))
    }

    fn branches(&self, x: &Tensor, audio: &Tensor, region: &Region, residual: &Tensor) -> Result<Tensor> {
        let Width { channels, heads, .. } = self.width.inner;
        // All branches have heads of one size: they are one attention with three times the heads.
        let heads = Heads { count: 3 * heads, channels: 3 * channels, form: self.form };
        let y = weigh_branches(&attend(heads, &self.q.rows(x)?, audio, 0)?, &region.factors)?;
        self.out.rows_onto(&y, Some(residual))
    }
}

/// One branch's output layer and 1x1 convolution as one matrix `[channels, channels]`, and the two constants of
/// [`AudioLayer::constants`].
fn fold(out: &Scope<'_>, conv: &Scope<'_>, channels: usize) -> shared::Result<(Numbers, [Vec<f32>; 2])> {
    let outer = conv.numbers("weight", &[channels, channels, 1, 1])?;
    let inner = out.numbers("weight", &[channels, channels])?;
    let [bias, always] = [out.take("bias", &[channels])?, conv.take("bias", &[channels])?];
    if matches!(outer, Numbers::Absent(_)) {
        return Ok((outer, [bias, always]));
    }
    let product = || {
        let rows = Tensor::from_vec(outer.widened(), (channels, channels), &candle_core::Device::Cpu)?;
        let times = |packed: Packed, x: &Tensor| Product::new(packed, None, Geometry::POINT).rows(x);
        let folded =
            times(Packed::transposed(Form::Exact, &inner, channels, channels), &rows)?.flatten_all()?.to_vec1()?;
        let bias = times(Packed::new(Form::Exact, &Numbers::Single(bias.clone()), 1, channels, 1), &rows)?;
        Ok((Numbers::Single(folded), [bias.flatten_all()?.to_vec1()?, always]))
    };
    product().map_err(crate::sampler::failed)
}

/// Matrices `[channels, channels]` as one `[channels, 3 channels]`.
fn side_by_side(form: Form, parts: &[Numbers], channels: usize) -> Packed {
    let inner = parts.len() * channels;
    if parts.iter().any(|part| matches!(part, Numbers::Absent(_))) {
        return Packed::new(form, &Numbers::Absent(channels * inner), channels, inner, 1);
    }
    let parts: Vec<Vec<f32>> = parts.iter().map(Numbers::widened).collect();
    let rows =
        (0..channels).flat_map(|row| parts.iter().flat_map(move |part| part[row * channels..][..channels].iter()));
    Packed::new(form, &Numbers::Single(rows.copied().collect()), channels, inner, 1)
}
