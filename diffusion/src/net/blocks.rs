//! The block structure that `ReferenceNet` and denoiser share: which layers there are, in which order.

use candle_core::{Result, Tensor};

use super::{
    layers::conv,
    resnet::{Resnet, ResnetSize},
    transformer::Width,
};
use crate::{
    kernels::{Geometry, Product, join, meter::part},
    pack::{manifest::Unet, weights::Scope},
};

/// Epsilon of the norms in residual blocks, as Stable Diffusion 1.5 has it.
pub(crate) const EPS: f64 = 1e-5;

/// Levels on the way down, a middle and levels on the way up, with layers of kind `L` after each residual block.
pub(crate) struct Blocks<L> {
    down: Vec<Level<L>>,
    middle: Layer<L>,
    after_middle: Resnet,
    up: Vec<Level<L>>,
}

/// A residual block and what follows it.
pub(crate) struct Layer<L> {
    /// The residual block.
    pub(crate) resnet: Resnet,
    /// The attention layers.
    pub(crate) rest: L,
    channels: usize,
}

/// Layers whose maps have one size.
struct Level<L> {
    layers: Vec<Layer<L>>,
    resample: Option<Product>,
}

/// The way on which a layer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From large maps to small ones.
    Down,
    /// Between them.
    Middle,
    /// Back to large maps.
    Up,
}

/// Where a layer stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// On which way.
    pub(crate) way: Way,
    /// How often its maps were halved.
    pub(crate) level: usize,
    /// Its index in its level.
    pub(crate) index: usize,
    /// Its sizes.
    pub(crate) width: Width,
    /// Whether it is the last of the network.
    pub(crate) last: bool,
}

impl<L> Blocks<L> {
    /// Loads all blocks, whose residual blocks have norms with an epsilon of `eps`; `add` loads the attention layers of one place from
    /// the scope of its level.
    pub(crate) fn load(
        scope: &Scope<'_>,
        unet: &Unet,
        eps: f64,
        add: impl Fn(&Scope<'_>, Place) -> shared::Result<L>,
    ) -> shared::Result<Self> {
        let widths = &unet.channels;
        let loader = Loader { unet, eps, add };
        let top = widths.len() - 1;
        let (mut skips, mut inner) = (vec![widths[0]], widths[0]);
        let mut down = Vec::new();
        for (level, width) in widths.iter().enumerate() {
            let scope = scope.at(format!("down_blocks.{level}"));
            let pairs: Vec<_> =
                (0..unet.layers_per_block).map(|i| (if i == 0 { inner } else { *width }, *width)).collect();
            let resample =
                (level < top).then(|| conv(&scope.at("downsamplers.0.conv"), *width, *width, Geometry::HALVE));
            down.push(Level {
                layers: loader.layers(&scope, (Way::Down, level), &pairs)?,
                resample: resample.transpose()?,
            });
            skips.extend(std::iter::repeat_n(*width, unet.layers_per_block + usize::from(level < top)));
            inner = *width;
        }
        let middle_scope = scope.at("mid_block");
        let middle =
            loader.layer(&middle_scope, At { way: Way::Middle, level: top, index: 0, last: false }, (inner, inner))?;
        let after_middle = loader.resnet(&middle_scope, 1, (inner, inner))?;
        let mut up = Vec::new();
        for (level, width) in widths.iter().rev().enumerate() {
            let scope = scope.at(format!("up_blocks.{level}"));
            let mut pairs = Vec::new();
            for _ in 0..=unet.layers_per_block {
                pairs.push((inner + skips.pop().unwrap_or(0), *width));
                inner = *width;
            }
            let resample =
                (level < top).then(|| conv(&scope.at("upsamplers.0.conv"), *width, *width, Geometry::DOUBLE));
            up.push(Level {
                layers: loader.layers(&scope, (Way::Up, top - level), &pairs)?,
                resample: resample.transpose()?,
            });
        }
        Ok(Self { down, middle, after_middle, up })
    }

    /// All layers in the order in which they run.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Layer<L>> {
        let down = self.down.iter().flat_map(|level| &level.layers);
        down.chain([&self.middle]).chain(self.up.iter().flat_map(|level| &level.layers))
    }

    /// Pixels and channels of each layer's maps for an input of edge `size`.
    pub(crate) fn map_sizes(&self, size: usize) -> impl Iterator<Item = (usize, usize)> {
        let top = self.down.len() - 1;
        let sized = move |level: usize, layer: &Layer<L>| ((size >> level).pow(2), layer.channels);
        let down = self.down.iter().enumerate();
        let up = self.up.iter().enumerate().map(move |(level, blocks)| (top - level, blocks));
        let all = move |(level, blocks): (usize, &'_ Level<L>)| -> Vec<_> {
            blocks.layers.iter().map(|layer| sized(level, layer)).collect()
        };
        down.flat_map(all).chain([sized(top, &self.middle)]).chain(up.flat_map(all))
    }

    /// Runs maps `x` through all blocks; `run` runs one layer, given its index in the order of [`Self::layers`].
    ///
    /// A layer may double the number of maps (both sides of guidance); skips from before that are doubled alike.
    pub(crate) fn forward(
        &self,
        x: Tensor,
        time: &Tensor,
        run: impl FnMut(usize, &Layer<L>, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        self.forward_keeping(x, time, &mut None, run)
    }

    /// As [`Self::forward`]; leaves in `deep` what enters the last layer from below, before the first maps `x` are joined to it
    /// (`DeepCache`, arXiv 2312.00858, with the outermost branch).
    pub(crate) fn forward_keeping(
        &self,
        x: Tensor,
        time: &Tensor,
        deep: &mut Option<Tensor>,
        mut run: impl FnMut(usize, &Layer<L>, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mut place = 0..;
        let mut run = |layer: &Layer<L>, x: &Tensor| run(place.next().unwrap_or(0), layer, x);
        let (mut skips, mut x) = (vec![x.clone()], x);
        for level in &self.down {
            for layer in &level.layers {
                x = run(layer, &x)?;
                skips.push(x.clone());
            }
            if let Some(halve) = &level.resample {
                x = halve.maps(&x)?;
                skips.push(x.clone());
            }
        }
        x = run(&self.middle, &x)?;
        x = part("resnets", || self.after_middle.forward(&x, Some(time)))?;
        for level in &self.up {
            for layer in &level.layers {
                if let Some(skip) = skips.pop() {
                    if skips.is_empty() {
                        *deep = Some(x.clone());
                    }
                    x = join(&x, &skip)?;
                }
                x = run(layer, &x)?;
            }
            if let Some(double) = &level.resample {
                x = double.maps(&x)?;
            }
        }
        Ok(x)
    }

    /// Runs maps `x` through the last layer alone, with what [`Self::forward_keeping`] left of an earlier run in `deep`. `run` gets the
    /// layer and its index.
    pub(crate) fn forward_last(
        &self,
        x: &Tensor,
        deep: &Tensor,
        run: impl FnOnce(usize, &Layer<L>, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        match self.layers().enumerate().last() {
            Some((place, layer)) => run(place, layer, &join(deep, x)?),
            None => Ok(x.clone()),
        }
    }
}

/// A [`Place`] before its sizes are known.
#[derive(Clone, Copy)]
struct At {
    way: Way,
    level: usize,
    index: usize,
    last: bool,
}

struct Loader<'a, F> {
    unet: &'a Unet,
    eps: f64,
    add: F,
}

impl<L, F: Fn(&Scope<'_>, Place) -> shared::Result<L>> Loader<'_, F> {
    fn layers(
        &self,
        scope: &Scope<'_>,
        (way, level): (Way, usize),
        pairs: &[(usize, usize)],
    ) -> shared::Result<Vec<Layer<L>>> {
        let layer = |(index, pair): (usize, &(usize, usize))| {
            let last = (way, level, index + 1) == (Way::Up, 0, pairs.len());
            self.layer(scope, At { way, level, index, last }, *pair)
        };
        pairs.iter().enumerate().map(layer).collect()
    }

    fn layer(&self, scope: &Scope<'_>, at: At, pair: (usize, usize)) -> shared::Result<Layer<L>> {
        let Unet { heads, norm_groups: groups, ff_mult, .. } = *self.unet;
        let At { way, level, index, last } = at;
        let width = Width { channels: pair.1, heads, groups, ff_mult };
        let place = Place { way, level, index, width, last };
        Ok(Layer { resnet: self.resnet(scope, index, pair)?, rest: (self.add)(scope, place)?, channels: pair.1 })
    }

    fn resnet(&self, scope: &Scope<'_>, index: usize, (inner, outer): (usize, usize)) -> shared::Result<Resnet> {
        let time = Some(4 * self.unet.channels[0]);
        let size = ResnetSize { inner, outer, time, groups: self.unet.norm_groups, eps: self.eps };
        Resnet::load(&scope.at(format!("resnets.{index}")), size)
    }
}
