//! The portrait's own detail in a film: what the picture autoencoder loses is carried over from the portrait, along the motion.
//!
//! A small autoencoder blurs. What it loses of the portrait is known: the portrait less what the decoder draws of its latent. For each frame
//! the motion between the decoder's portrait and the decoder's frame is measured, and the loss is added back along it wherever
//! that motion explains the frame. Elsewhere (an open mouth, a lid that falls) the frame stays as it was decoded.
//!
//! A frame's picture is a function of its latent and of what `prepare` left, so that parts of a film may be decoded anywhere.

use serde::{Deserialize, Serialize};

use super::{
    flow::{Pyramid, finer, flow, moved},
    map::Map,
};

/// Pixels around a place whose mean difference says whether motion explains it.
const AROUND: usize = 2;

/// The table `[detail]` of a manifest: how much a frame may differ from the moved portrait, both as the decoder draws them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Mean difference of colour, of 255, up to which all of the detail is carried over.
    pub near: f32,
    /// The difference from which on none is.
    pub far: f32,
}

impl Limits {
    /// What is wrong with them.
    pub(crate) fn fault(self) -> Option<String> {
        let Self { near, far } = self;
        let sound = near >= 0.0 && near < far && far <= 255.0;
        (!sound).then(|| format!("detail: near {near} and far {far} are not rising numbers of 0 to 255"))
    }

    /// The share of the detail that is carried over at a difference of colours in -1..=1.
    fn share(self, difference: f32) -> f32 {
        let x = ((127.5 * difference - self.near) / (self.far - self.near)).clamp(0.0, 1.0);
        1.0 - x * x * (3.0 - 2.0 * x)
    }
}

/// What a portrait's latent does not hold, ready to be carried over.
pub(crate) struct Detail {
    limits: Limits,
    edge: usize,
    /// The portrait as the decoder draws it, and behind it what that lacks.
    both: Map<6>,
    drawn: Pyramid,
}

impl Detail {
    /// Of a square portrait and of what the decoder draws of its latent: colours in -1..=1, three a pixel.
    pub(crate) fn new(portrait: &[f32], drawn: &[f32], limits: Limits) -> Self {
        let (portrait, drawn) = (map(portrait), map(drawn));
        let edge = drawn.edge;
        let both = Map::of(edge, |x, y| {
            let (is, seen) = (portrait.at(x, y), drawn.at(x, y));
            std::array::from_fn(|c| if c < 3 { seen[c] } else { is[c - 3] - seen[c - 3] })
        });
        Self { limits, edge, both, drawn: Pyramid::of(&drawn) }
    }

    /// Adds the detail to a decoded frame, colours in -1..=1.
    pub(crate) fn add_to(&self, frame: &mut [f32]) {
        let seen = map(frame);
        let motion = finer(&flow(&self.drawn, &Pyramid::of(&seen)), self.edge);
        let both = moved(&self.both, &motion);
        let difference = Map::of(self.edge, |x, y| {
            let (is, explained) = (seen.at(x, y), both.at(x, y));
            [(0..3).map(|c| (is[c] - explained[c]).abs()).sum::<f32>() / 3.0]
        });
        let difference = difference.mean_around(AROUND);
        for ((pixel, moved), [difference]) in frame.chunks_exact_mut(3).zip(&both.data).zip(&difference.data) {
            let share = self.limits.share(*difference);
            pixel.iter_mut().zip(&moved[3..]).for_each(|(colour, lost)| *colour += share * lost);
        }
    }
}

fn map(colours: &[f32]) -> Map<3> {
    let data: Vec<[f32; 3]> = colours.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    Map { edge: data.len().isqrt(), data }
}

#[cfg(test)]
mod tests;
