//! Draws the test pattern: colour bars, timecode, numbers, a moving level bar and two strips of bits.

use shared::{Fps, Picture, Timecode};

use super::{
    SIZE,
    glyphs::{self, HEIGHT, WIDTH},
    mark::Mark,
};

/// Bars of 75 % amplitude, as in SMPTE EG 1: grey, yellow, cyan, green, magenta, red, blue.
const BARS: [[u8; 3]; 7] =
    [[191, 191, 191], [191, 191, 0], [0, 191, 191], [0, 191, 0], [191, 0, 191], [191, 0, 0], [0, 0, 191]];
const WHITE: [u8; 3] = [235; 3];
const BLACK: [u8; 3] = [16; 3];

/// Edge of one bit's block in pixels; 32 of them span the picture.
const BLOCK: u32 = SIZE / 32;
const STRIPS: u32 = 104;
const TEXT: [u32; 3] = [132, 162, 192];
const SCALE: u32 = 3;
const FLOOR: u32 = 252;
const LEVEL_HEIGHT: u32 = 28;

/// The part of the picture that never changes.
pub(super) struct Canvas {
    bars: Picture,
}

impl Canvas {
    pub(super) fn new() -> Self {
        let mut bars = Picture::black(SIZE, SIZE);
        for x in 0..SIZE {
            fill(&mut bars, x, 0, 1, STRIPS, BARS[(x * 7 / SIZE) as usize]);
        }
        fill(&mut bars, 0, STRIPS, SIZE, SIZE - STRIPS, BLACK);
        Self { bars }
    }

    /// The picture of one frame.
    pub(super) fn draw(&self, mark: Mark) -> Picture {
        let mut picture = self.bars.clone();
        let (first, second) = mark.strips();
        strip(&mut picture, STRIPS, first);
        strip(&mut picture, STRIPS + BLOCK, second);
        // A rate of 0 frames can only come from a damaged latent; 25 keeps the label readable.
        let fps = Fps::new(mark.rate, 1).unwrap_or(Fps::PAL);
        write(&mut picture, TEXT[0], &Timecode { frame: mark.frame, fps }.to_string());
        write(&mut picture, TEXT[1], &format!("{:07}", mark.frame));
        write(&mut picture, TEXT[2], &format!("{:07} {:03}", mark.checksum, mark.level.min(999)));
        let height = (mark.level.min(1000) * LEVEL_HEIGHT).div_ceil(1000).max(1);
        let x = (mark.frame * 4 % u64::from(SIZE - 8)) as u32;
        fill(&mut picture, x, FLOOR - height, 8, height, WHITE);
        picture
    }
}

/// Reads both strips from a picture of any size; nothing when a block is neither dark nor bright.
pub(super) fn read_strips(picture: &Picture) -> Option<(u32, u32)> {
    let row = |top: u32| {
        (0..32).try_fold(0, |bits: u32, index| {
            let at = |centre: u32, edge: u32| {
                ((u64::from(2 * centre + BLOCK) * u64::from(edge)) / u64::from(2 * SIZE)) as u32
            };
            let pixel = picture.pixel(at(index * BLOCK, picture.width()), at(top, picture.height()))?;
            match pixel.iter().map(|c| u32::from(*c)).sum::<u32>() / 3 {
                0..=95 => Some(bits << 1),
                160.. => Some(bits << 1 | 1),
                _ => None,
            }
        })
    };
    Some((row(STRIPS)?, row(STRIPS + BLOCK)?))
}

fn strip(picture: &mut Picture, top: u32, bits: u32) {
    for index in (0..32).filter(|index| bits >> (31 - index) & 1 == 1) {
        fill(picture, index * BLOCK, top, BLOCK, BLOCK, WHITE);
    }
}

fn write(picture: &mut Picture, top: u32, text: &str) {
    let mut left = (SIZE - text.len() as u32 * (WIDTH + 1) * SCALE) / 2;
    for letter in text.chars() {
        for (y, row) in (0..HEIGHT).zip(glyphs::glyph(letter)) {
            for x in (0..WIDTH).filter(|x| row >> (WIDTH - 1 - x) & 1 == 1) {
                fill(picture, left + x * SCALE, top + y * SCALE, SCALE, SCALE, WHITE);
            }
        }
        left += (WIDTH + 1) * SCALE;
    }
}

fn fill(picture: &mut Picture, x: u32, y: u32, w: u32, h: u32, colour: [u8; 3]) {
    let stride = picture.width() as usize * 3;
    let (x, w) = (x as usize * 3, w as usize * 3);
    for row in picture.data_mut().chunks_exact_mut(stride).skip(y as usize).take(h as usize) {
        row[x..x + w].as_chunks_mut::<3>().0.fill(colour);
    }
}
