//! The arithmetic of bridges: which frames around a seam are denoised again, what is held meanwhile, and how well the result joins.
//!
//! The networks are not known here: whoever renders asks a [`Pass`] for the motion frames and the known latents of each window, and
//! puts the rendered latents back.

use crate::{
    Error, Frames, Result, Tensor,
    ports::{Bridging, Known, ModelShape},
};

mod search;

pub use search::{Search, Trial, UNSEEN};

/// What both chains made of the frames around a seam.
#[derive(Clone, Debug)]
pub struct Banks {
    overlap: Frames,
    seam: u64,
    clip: u64,
    motion: u64,
    pinned: u64,
    /// The earlier chain: the motion frames before the overlap, then the overlap.
    left: Tensor,
    /// The later chain: the overlap.
    right: Tensor,
}

/// Windows of a bridge that are rendered one after the other, each a clip.
#[derive(Clone, Debug)]
pub struct Pass {
    /// What is made anew, the held frames at either end included.
    frames: Frames,
    windows: Vec<Frames>,
    pinned: u64,
    motion: u64,
    /// The frame of the first row of `made`.
    first: u64,
    /// Latents from the motion frames before the overlap to its end: those of the earlier chain before `frames`, of the later chain
    /// after them, and in between what they start from until it is rendered.
    made: Tensor,
    /// Frames before this one are rendered.
    done: u64,
}

impl Banks {
    /// The banks of `seam`, held by `pinned` frames at either end of what a bridge makes anew. `left` are the latents of the earlier
    /// chain from [`Banks::before`] the overlap to its end, `right` those of the later chain in the overlap.
    ///
    /// # Errors
    /// When the latents are not of these frames, or a clip is longer than the overlap.
    pub fn new(
        overlap: Frames,
        seam: u64,
        pinned: u32,
        model: &ModelShape,
        left: Tensor,
        right: Tensor,
    ) -> Result<Self> {
        let (clip, motion) = (u64::from(model.clip_frames), u64::from(model.motion_frames));
        let banks = Self { overlap, seam, clip, motion, pinned: u64::from(pinned), left, right };
        let rows = (overlap.len() + motion, overlap.len());
        let found = (banks.left.rows() as u64, banks.right.rows() as u64);
        if found != rows || banks.left.shape()[1..] != banks.right.shape()[1..] || overlap.start < motion {
            return Err(Error::world(format!("{found:?} latents of two chains where frames {overlap} need {rows:?}")));
        }
        if overlap.len() < clip.max(2 * banks.pinned) || !overlap.contains(seam) {
            return Err(Error::order(format!("an overlap of frames {overlap} holds no clip of {clip} around {seam}")));
        }
        Ok(banks)
    }

    /// The frames of the earlier chain that the banks of an overlap need.
    pub fn before(overlap: Frames, model: &ModelShape) -> Frames {
        Frames::new(overlap.start.saturating_sub(u64::from(model.motion_frames)), overlap.end)
    }

    /// One window in the middle: a clip, half of it on either side of the seam.
    pub fn middle(&self) -> Result<Pass> {
        let start = self.seam.saturating_sub(self.clip / 2).clamp(self.overlap.start, self.overlap.end - self.clip);
        let window = Frames::new(start, start + self.clip);
        self.pass(window, vec![window])
    }

    /// As many windows as the whole overlap needs, at equal distances.
    pub fn whole(&self) -> Result<Pass> {
        let (len, room) = (self.overlap.len(), self.overlap.len() - self.clip);
        let count = len.div_ceil(self.clip);
        let start = |index: u64| self.overlap.start + (index * room).checked_div(count - 1).unwrap_or(0);
        let windows = (0..count).map(|index| Frames::new(start(index), start(index) + self.clip)).collect();
        self.pass(self.overlap, windows)
    }

    /// Latents of the overlap where the chains are cross-faded over the middle, as long as a clip.
    pub fn blended(&self) -> Result<Tensor> {
        let middle = self.middle()?.frames;
        self.overlap_of(&self.faded(middle, 0)?)
    }

    fn pass(&self, frames: Frames, windows: Vec<Frames>) -> Result<Pass> {
        let Self { pinned, motion, .. } = *self;
        let (made, first) = (self.faded(frames, pinned)?, self.overlap.start - motion);
        Ok(Pass { frames, windows, pinned, motion, first, made, done: frames.start })
    }

    /// The earlier chain up to `held` frames inside `over`, the later one from as many frames before its end on, and in equal steps
    /// from one to the other in between.
    fn faded(&self, over: Frames, held: u64) -> Result<Tensor> {
        let free = Frames::new(over.start + held, over.end - held);
        let first = self.overlap.start - self.motion;
        let width: usize = self.left.shape()[1..].iter().product();
        let mut data = self.left.data().to_vec();
        let row = |frame: u64| (frame - first) as usize * width;
        for frame in free.start..self.overlap.end {
            let weight = (frame - free.start + 1) as f32 / (free.len() + 1) as f32;
            let at = (frame - self.overlap.start) as usize * width;
            for (x, right) in data[row(frame)..].iter_mut().zip(&self.right.data()[at..at + width]) {
                // In this form, two equal numbers give the same number.
                *x = if frame < free.end { *x + weight * (right - *x) } else { *right };
            }
        }
        Ok(Tensor::new(self.left.shape(), data)?.rounded_to_f16())
    }

    /// The rows of the overlap of latents that begin with the motion frames before it.
    fn overlap_of(&self, made: &Tensor) -> Result<Tensor> {
        made.slice(self.motion as usize, made.rows())
    }

    /// The latents of the overlap as a pass left them.
    pub fn bridged(&self, pass: &Pass) -> Result<Tensor> {
        self.overlap_of(&pass.made)
    }

    /// How a pass stands out: how much a frame differs from the one before, over the same in the chain where that is more, and over the
    /// median inside both chains where they stand still; the most of it anywhere from the first frame that the pass is free to make up
    /// to the first that it holds again. 1 or less where nobody sees a seam.
    pub fn disagreement(&self, pass: &Pass) -> f64 {
        let Pass { frames, pinned, first, ref made, .. } = *pass;
        let [made, left, right] = [made, &self.left, &self.right].map(changes);
        let mut inside = [left.clone(), right.clone()].concat();
        inside.sort_by(f64::total_cmp);
        let median = inside.get(inside.len() / 2).copied().unwrap_or_default().max(1e-9);
        // The first of the changes is the one to the second row.
        let to = |changes: &[f64], first: u64, frame: u64| {
            frame.checked_sub(first + 1).and_then(|at| changes.get(at as usize).copied()).unwrap_or_default()
        };
        let seen = |frame| {
            let usual = to(&left, first, frame).max(to(&right, self.overlap.start, frame)).max(median);
            to(&made, first, frame) / usual
        };
        (frames.start + pinned..=frames.end - pinned).map(seen).fold(0.0, f64::max)
    }
}

impl Pass {
    /// The windows, in the order in which they are rendered.
    pub fn windows(&self) -> &[Frames] {
        &self.windows
    }

    /// The motion frames of a window: the latents before it, of the earlier chain or of the window before.
    pub fn motion(&self, window: Frames) -> Result<Tensor> {
        let at = (window.start - self.first) as usize;
        self.made.slice(at - self.motion as usize, at)
    }

    /// What is known of a window: frames at both ends of the pass are held, and where windows overlap as many of the one before.
    pub fn known(&self, window: Frames, bridging: Bridging) -> Result<Known> {
        let at = (window.start - self.first) as usize;
        let held = |frame: u64| {
            frame < self.frames.start + self.pinned
                || frame >= self.frames.end - self.pinned
                || frame < self.done.min(window.start + self.pinned)
        };
        Ok(Known {
            latents: self.made.slice(at, at + window.len() as usize)?,
            pinned: (window.start..window.end).map(held).collect(),
            bridging,
        })
    }

    /// Takes the latents of a window that was rendered.
    ///
    /// # Errors
    /// When they are not as many.
    pub fn put(&mut self, window: Frames, latents: &Tensor) -> Result<()> {
        let at = (window.start - self.first) as usize;
        let end = at + window.len() as usize;
        if latents.rows() != end - at {
            return Err(Error::world(format!("{} latents came for frames {window} of a bridge", latents.rows())));
        }
        let after = self.made.slice(end, self.made.rows())?;
        self.made = Tensor::join(&[self.made.slice(0, at)?, latents.clone(), after])?;
        self.done = window.end;
        Ok(())
    }
}

/// The mean difference of each row from the one before.
fn changes(latents: &Tensor) -> Vec<f64> {
    let width: usize = latents.shape()[1..].iter().product::<usize>().max(1);
    let rows: Vec<&[f32]> = latents.data().chunks_exact(width).collect();
    let change = |pair: &[&[f32]]| {
        let sum: f64 = pair[0].iter().zip(pair[1]).map(|(a, b)| f64::from((a - b).abs())).sum();
        sum / width as f64
    };
    rows.windows(2).map(change).collect()
}

#[cfg(test)]
mod tests;
