//! Attention to the face tokens, whose keys and values never change during a film.

use candle_core::{Result, Tensor};

use crate::{
    cuda::read,
    kernels::{Form, Geometry, Numbers, Packed, Product, soften_groups},
    net::{layers::linears, transformer::Width},
    pack::weights::Scope,
};

/// Cross-attention whose projections are multiplied with the tokens once, so that a pixel costs two products of
/// `heads * tokens` columns instead of two of all channels (model facts: exact saving 6).
pub(crate) struct FaceAttention {
    width: Width,
    form: Form,
    /// `to_q` the other way round: from queries back to the rows that would have given them.
    q_back: Product,
    kv: Product,
    /// `to_out` without its bias.
    out: Product,
    bias: Vec<f32>,
}

/// A [`FaceAttention`] multiplied with the tokens of one face.
#[derive(Debug)]
pub(crate) struct FaceProducts {
    tokens: usize,
    /// Rows to scores, `[heads * tokens, channels]`; the scale of attention is in it.
    scores: Product,
    /// Softened scores to the layer's output, `[channels, heads * tokens]`, with the output's bias.
    values: Product,
}

impl FaceAttention {
    /// Loads `to_q`, `to_k`, `to_v` (no bias) and `to_out.0` for tokens of `token` numbers.
    pub(crate) fn load(scope: &Scope<'_>, width: Width, token: usize) -> shared::Result<Self> {
        let channels = width.channels;
        let q = scope.at("to_q").numbers("weight", &[channels, channels])?;
        let out = scope.at("to_out.0");
        let weights = out.numbers("weight", &[channels, channels])?;
        Ok(Self {
            width,
            form: scope.form(),
            q_back: Product::new(Packed::transposed(scope.form(), &q, channels, channels), None, Geometry::POINT),
            kv: linears(&[scope.at("to_k"), scope.at("to_v")], token, channels, false)?,
            out: Product::new(Packed::new(scope.form(), &weights, channels, channels, 1), None, Geometry::POINT),
            bias: out.take("bias", &[channels])?,
        })
    }

    /// Multiplies the layer with tokens `[1, tokens, token]`.
    pub(crate) fn products(&self, tokens: &Tensor) -> Result<FaceProducts> {
        let Width { channels, heads, .. } = self.width;
        let size = channels / heads;
        let kv = self.kv.rows(tokens)?.squeeze(0)?;
        let count = kv.dim(0)?;
        let kv = read(&kv)?;
        // One row for each head and token, zero outside of the head's columns.
        let spread = |column: usize, scale: f32| {
            let mut rows = vec![0.0; heads * count * channels];
            for (at, row) in rows.chunks_exact_mut(channels).enumerate() {
                let (head, token) = (at / count, at % count);
                let of_head = &kv[token * 2 * channels + column + head * size..][..size];
                let place = &mut row[head * size..][..size];
                place.iter_mut().zip(of_head).for_each(|(place, x)| *place = scale * x);
            }
            Tensor::from_vec(rows, (heads * count, channels), &candle_core::Device::Cpu)
        };
        let numbers = |x: Tensor| Ok::<_, candle_core::Error>(Numbers::Single(read(&x)?));
        let scores = numbers(self.q_back.rows(&spread(0, 1.0 / (size as f32).sqrt())?)?)?;
        let values = numbers(self.out.rows(&spread(channels, 1.0)?)?)?;
        Ok(FaceProducts {
            tokens: count,
            scores: Product::new(Packed::new(self.form, &scores, heads * count, channels, 1), None, Geometry::POINT),
            values: Product::new(
                Packed::transposed(self.form, &values, channels, heads * count),
                Some(self.bias.clone()),
                Geometry::POINT,
            ),
        })
    }
}

impl FaceProducts {
    /// `residual` plus the attention of rows `x` `[n, rows, channels]` to the tokens.
    pub(crate) fn forward(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.values.rows_onto(&soften_groups(&self.scores.rows(x)?, self.tokens)?, Some(residual))
    }
}
