//! Renders and decodes clips of the test pattern.

use shared::{
    Error, Picture, Result, Tensor,
    ports::model::{Bridging, ClipInput, Control, Known, Renderer},
};

use crate::known;

use super::{
    CHANNELS, CLIP, MARGIN, MOTION, WIDTH,
    draw::Canvas,
    mark::{Mark, fold, short},
};

const STEPS: u32 = 4;

/// One job's test pattern.
pub(super) struct PatternRenderer {
    /// Checksum of all that is the same for every clip.
    ticket: u64,
    steps: u32,
    canvas: Canvas,
}

impl PatternRenderer {
    pub(super) fn new(seed: u64, ticket: &Tensor, steps: Option<u32>) -> Self {
        let ticket = fold_numbers(fold(0, &seed.to_le_bytes()), ticket.data());
        Self { ticket, steps: steps.unwrap_or(STEPS), canvas: Canvas::new() }
    }
}

impl Renderer for PatternRenderer {
    fn render(&mut self, clip: &ClipInput, step: &mut dyn FnMut(u32) -> Control) -> Result<Tensor> {
        check(clip)?;
        let steps = clip.known.as_ref().map_or(self.steps, |known| known.bridging.steps * (known.bridging.jumps + 1));
        for index in 0..steps {
            if step(index) == Control::Stop {
                return Err(Error::stopped());
            }
        }
        let mut sum = fold(self.ticket, &clip.frames.start.to_le_bytes());
        sum = fold_numbers(sum, clip.features.data());
        // A missing handoff must differ from a handoff of zeros.
        sum = fold(sum, &[u8::from(clip.motion.is_some())]);
        sum = clip.motion.iter().fold(sum, |sum, motion| fold_numbers(sum, motion.data()));
        if clip.take > 0 {
            sum = fold(sum, &clip.take.to_le_bytes());
        }
        sum = clip.known.iter().fold(sum, fold_known);
        let rows = clip.features.data().chunks_exact(WIDTH).skip(MARGIN as usize);
        let mut latents: Vec<f32> = (clip.frames.start..clip.frames.end)
            .zip(rows)
            .flat_map(|(frame, row)| {
                Mark { frame, checksum: short(sum), level: row[0] as u32, rate: row[2] as u32 }.to_latent()
            })
            .collect();
        known::put_back(clip.known.as_ref(), &mut latents);
        Tensor::new([CLIP as usize, CHANNELS, 1, 1], latents)
    }

    fn decode(&mut self, latents: &Tensor, first: u64) -> Result<Vec<Picture>> {
        let shape = latents.shape();
        if shape.len() != 4 || shape[1..] != [CHANNELS, 1, 1] {
            return Err(Error::world(format!("latents of shape {shape:?} are not of the test pattern")));
        }
        let frames = (first..).zip(latents.data().chunks_exact(CHANNELS));
        frames
            .map(|(frame, latent)| {
                let mark = Mark::of_latent(latent, frame)?;
                if mark.frame != frame {
                    let message = format!("the latent of frame {} stands where frame {frame} belongs", mark.frame);
                    return Err(Error::world(message).at_most(2));
                }
                Ok(self.canvas.draw(mark))
            })
            .collect()
    }
}

fn check(clip: &ClipInput) -> Result<()> {
    let rows = (CLIP + 2 * MARGIN) as usize;
    if clip.frames.len() != u64::from(CLIP) || clip.features.shape() != [rows, WIDTH] {
        let (frames, shape) = (clip.frames, clip.features.shape());
        return Err(Error::world(format!("frames {frames} with features of shape {shape:?} are not a clip")));
    }
    clip.known.as_ref().map_or(Ok(()), |known| known.check(CLIP as usize, [CHANNELS, 1, 1]))?;
    match &clip.motion {
        Some(motion) if motion.shape() != [MOTION as usize, CHANNELS, 1, 1] => {
            let (frames, shape) = (clip.frames, motion.shape());
            Err(Error::world(format!("frames {frames} cannot be rendered from motion frames of shape {shape:?}")))
        }
        _ => Ok(()),
    }
}

/// All that is known of a clip and how it is used: it changes the checksum of the frames that are not held.
fn fold_known(sum: u64, known: &Known) -> u64 {
    let Bridging { steps, strength, jumps } = known.bridging;
    let held: Vec<u8> = known.pinned.iter().map(|held| u8::from(*held)).collect();
    let sum = [steps, strength.to_bits(), jumps].iter().fold(sum, |sum, number| fold(sum, &number.to_le_bytes()));
    fold_numbers(fold(sum, &held), known.latents.data())
}

fn fold_numbers(sum: u64, numbers: &[f32]) -> u64 {
    numbers.iter().fold(sum, |sum, number| fold(sum, &number.to_bits().to_le_bytes()))
}
