//! Which bridge a seam gets: ways to make one are tried until nobody sees the seam, and the one that shows it least counts.

use super::{Banks, Pass};
use crate::{Result, Tensor, ports::Bridging};

/// A bridge with less [`Banks::disagreement`] than this is taken as it is; frames inside of a chain differ as much.
pub const UNSEEN: f64 = 1.2;

/// One way to make a bridge.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its name: clips that are kept on the way are told apart by it.
    pub name: &'static str,
    /// The windows that are to be rendered.
    pub pass: Pass,
    /// How they are denoised.
    pub bridging: Bridging,
}

/// The search for the bridge over one seam. What it tries depends on the banks and on what was rendered of them alone, so that every
/// worker finds the same.
#[derive(Debug)]
pub struct Search<'a> {
    banks: &'a Banks,
    /// What will be tried, the last one first.
    trials: Vec<Trial>,
    best: Option<(f64, &'static str, Pass)>,
}

impl<'a> Search<'a> {
    /// A search that denoises by `how`: a clip around the seam first, then more gently, then the whole overlap.
    pub fn new(banks: &'a Banks, how: Bridging) -> Result<Self> {
        let (middle, whole) = (banks.middle()?, banks.whole()?);
        let gentle = Bridging { strength: how.strength / 2.0, ..how };
        let mut trials = vec![Trial { name: "gentle", pass: middle.clone(), bridging: gentle }];
        if whole.windows() != middle.windows() {
            trials.push(Trial { name: "whole", pass: whole, bridging: how });
        }
        trials.push(Trial { name: "middle", pass: middle, bridging: how });
        Ok(Self { banks, trials, best: None })
    }

    /// What to try next; nothing when a seam is not seen any more, or everything was tried.
    pub fn trial(&mut self) -> Option<Trial> {
        match &self.best {
            Some((seen, ..)) if *seen < UNSEEN => None,
            _ => self.trials.pop(),
        }
    }

    /// Takes a pass whose windows were rendered, unless they are not `good` enough to be shown; how much it disagrees.
    pub fn put(&mut self, name: &'static str, pass: Pass, good: bool) -> f64 {
        let seen = self.banks.disagreement(&pass);
        if good && self.best.as_ref().is_none_or(|(best, ..)| seen < *best) {
            self.best = Some((seen, name, pass));
        }
        seen
    }

    /// The name of what counts, how much it disagrees, and its latents of the overlap. Where everything that was rendered shows the
    /// seam, the cross-fade that all of it started from counts, if it shows it less.
    pub fn end(self) -> Result<(&'static str, f64, Tensor)> {
        let faded = self.banks.middle()?;
        let fade = self.banks.disagreement(&faded);
        let (name, seen, pass) = match self.best {
            Some((seen, name, pass)) if seen < UNSEEN || seen <= fade => (name, seen, pass),
            _ => ("fade", fade, faded),
        };
        Ok((name, seen, self.banks.bridged(&pass)?))
    }
}
