//! Renders and decodes clips of the test pattern.

use shared::{
    Error, Picture, Result, Tensor,
    ports::model::{ClipInput, Control, Renderer},
};

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
        for index in 0..self.steps {
            if step(index) == Control::Stop {
                return Err(Error::stopped());
            }
        }
        let mut sum = fold(self.ticket, &clip.frames.start.to_le_bytes());
        sum = fold_numbers(sum, clip.features.data());
        // A missing handoff must differ from a handoff of zeros.
        sum = fold(sum, &[u8::from(clip.motion.is_some())]);
        sum = clip.motion.iter().fold(sum, |sum, motion| fold_numbers(sum, motion.data()));
        let rows = clip.features.data().chunks_exact(WIDTH).skip(MARGIN as usize);
        let latents = (clip.frames.start..clip.frames.end)
            .zip(rows)
            .flat_map(|(frame, row)| {
                Mark { frame, checksum: short(sum), level: row[0] as u32, rate: row[2] as u32 }.to_latent()
            })
            .collect();
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
    match &clip.motion {
        Some(motion) if motion.shape() != [MOTION as usize, CHANNELS, 1, 1] => {
            let (frames, shape) = (clip.frames, motion.shape());
            Err(Error::world(format!("frames {frames} cannot be rendered from motion frames of shape {shape:?}")))
        }
        _ => Ok(()),
    }
}

fn fold_numbers(sum: u64, numbers: &[f32]) -> u64 {
    numbers.iter().fold(sum, |sum, number| fold(sum, &number.to_bits().to_le_bytes()))
}
