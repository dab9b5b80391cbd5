//! What a frame of the test pattern says about itself, in its latent and in its picture.

use shared::{Error, Picture, Result};

use super::{CHANNELS, draw};

/// Largest digit plus one. Whole numbers up to 2048 are exact in half precision, in which latents travel.
const BASE: u64 = 2048;

/// Where a latent holds the digits of the checksum.
const SUM: std::ops::Range<usize> = 3..5;

/// What one frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The frame's number in the film (33 bits in the latent, 32 in the picture).
    pub frame: u64,
    /// Checksum (22 bits) over everything that the frame's clip was made from.
    pub checksum: u32,
    /// Audio level of the frame, 0 to 1000 thousandths of full scale.
    pub level: u32,
    /// Frames counted in a second of timecode; not in the picture's strip, where [`Mark::read`] gives 0.
    pub rate: u32,
}

impl Mark {
    /// The latent of the frame: three digits of the frame number (lowest first), two of the checksum, level, rate, 0.
    pub(super) fn to_latent(self) -> [f32; CHANNELS] {
        let digit = |number: u64, place: u32| (number / BASE.pow(place) % BASE) as f32;
        let sum = u64::from(self.checksum);
        let [low, middle, high] = [0, 1, 2].map(|place| digit(self.frame, place));
        [low, middle, high, digit(sum, 0), digit(sum, 1), self.level as f32, self.rate as f32, 0.0]
    }

    /// Reads a latent back. Between two chains, latents of the same frame are cross-faded: all but the checksums is the same in
    /// both, and of a checksum in between only the whole part of each digit is left.
    pub(super) fn of_latent(latent: &[f32], frame: u64) -> Result<Self> {
        let digit =
            |(place, x): (usize, &f32)| (SUM.contains(&place) || x.fract() == 0.0) && (0.0..BASE as f32).contains(x);
        if !latent.iter().enumerate().all(digit) || latent.len() != CHANNELS {
            return Err(Error::world(format!("the latent of frame {frame} is not one of the test pattern")).at_most(2));
        }
        let number = |digits: &[f32]| digits.iter().rev().fold(0, |sum, digit| sum * BASE + *digit as u64);
        Ok(Self {
            frame: number(&latent[0..3]),
            checksum: number(&latent[SUM]) as u32,
            level: latent[5] as u32,
            rate: latent[6] as u32,
        })
    }

    /// Reads the mark from a picture of any size, also after encoding; nothing when it shows no test pattern.
    pub fn read(picture: &Picture) -> Option<Self> {
        let (first, second) = draw::read_strips(picture)?;
        Some(Self { frame: u64::from(first), checksum: second >> 10, level: second & 0x3ff, rate: 0 })
    }

    /// The two rows of 32 bits in the picture: frame number; checksum and level.
    pub(super) fn strips(self) -> (u32, u32) {
        (self.frame as u32, self.checksum << 10 | self.level.min(0x3ff))
    }
}

/// Continues a checksum over `bytes` (FNV-1a, 64 bits; a checksum against mistakes, not against malice).
pub(super) fn fold(sum: u64, bytes: &[u8]) -> u64 {
    let start = sum ^ 0xcbf2_9ce4_8422_2325;
    bytes.iter().fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The 22 bits that a checksum keeps.
pub(super) fn short(sum: u64) -> u32 {
    // The high bits of FNV depend on every input bit; the low ones on few.
    ((sum ^ sum >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 42) as u32
}

/// The kept bits as two numbers that are exact in half precision.
pub(super) fn digits(sum: u64) -> [f32; 2] {
    let sum = u64::from(short(sum));
    [(sum % BASE) as f32, (sum / BASE) as f32]
}
