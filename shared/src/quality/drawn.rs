//! Faces of rectangles, whose measures are known.

use super::Regions;
use crate::{FaceBox, Picture};

/// Edge of the pictures.
pub(crate) const SIZE: u32 = 64;

/// Where the parts of a drawn face are.
pub(crate) const REGIONS: Regions = Regions {
    face: FaceBox { x: 16, y: 10, w: 32, h: 44 },
    eyes: [FaceBox { x: 19, y: 19, w: 10, h: 8 }, FaceBox { x: 35, y: 19, w: 10, h: 8 }],
    mouth: FaceBox { x: 22, y: 38, w: 20, h: 12 },
};

/// A face.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Face {
    /// How far the eyes are open, in pixels.
    pub(crate) eyes: u32,
    /// How far the mouth is open, in pixels.
    pub(crate) mouth: u32,
    /// Grey of everything else.
    pub(crate) background: u8,
    /// How far everything is moved to the right.
    pub(crate) shift: u32,
}

impl Default for Face {
    fn default() -> Self {
        Self { eyes: 5, mouth: 1, background: 90, shift: 0 }
    }
}

impl Face {
    /// The picture.
    pub(crate) fn draw(self) -> Picture {
        let mut picture = Picture::new(SIZE, SIZE, vec![self.background; (SIZE * SIZE * 3) as usize]).unwrap();
        let mut fill = |x: u32, y: u32, w: u32, h: u32, colour: [u8; 3]| {
            for y in y..y + h {
                for x in x + self.shift..(x + w + self.shift).min(SIZE) {
                    let at = ((y * SIZE + x) * 3) as usize;
                    picture.data_mut()[at..at + 3].copy_from_slice(&colour);
                }
            }
        };
        fill(14, 8, 36, 48, [200, 150, 120]);
        for x in [20, 36] {
            if self.eyes > 0 {
                fill(x, 23 - self.eyes / 2, 8, self.eyes, [250, 250, 250]);
                fill(x + 3, 23 - self.eyes / 2, 3, self.eyes, [20, 30, 40]);
            } else {
                fill(x, 23, 8, 1, [170, 125, 100]);
            }
        }
        fill(25, 40, 14, self.mouth, [40, 5, 10]);
        picture
    }
}

/// Every pixel the mean of those around it, `times` times.
pub(crate) fn blurred(picture: &Picture, times: u32) -> Picture {
    let mut from = picture.clone();
    for _ in 0..times {
        let mut to = from.clone();
        for y in 0..SIZE {
            for x in 0..SIZE {
                let near = |d: u32, at: u32| (at + d).saturating_sub(1).min(SIZE - 1);
                for channel in 0..3 {
                    let at = |dx: u32, dy: u32| u32::from(from.pixel(near(dx, x), near(dy, y)).unwrap()[channel]);
                    let sum: u32 = (0..9).map(|place| at(place % 3, place / 3)).sum();
                    to.data_mut()[((y * SIZE + x) * 3) as usize + channel] = (sum / 9) as u8;
                }
            }
        }
        from = to;
    }
    from
}

/// Every pixel with so much more of each channel.
pub(crate) fn tinted(picture: &Picture, by: [u8; 3]) -> Picture {
    let mut tinted = picture.clone();
    for (at, byte) in tinted.data_mut().iter_mut().enumerate() {
        *byte = byte.saturating_add(by[at % 3]);
    }
    tinted
}
