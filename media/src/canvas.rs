//! A canvas for charts: rectangles with smooth edges and plain letters, as a PNG.

mod letters;

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};
use shared::{Error, Picture, Result};

/// Red, green, blue.
pub type Colour = [u8; 3];

/// Widest and highest canvas, in pixels.
pub const MOST: u32 = 8192;

/// A picture that is drawn on.
pub struct Canvas {
    picture: Picture,
}

impl Canvas {
    /// An empty canvas; at most [`MOST`] pixels wide and high.
    pub fn new(width: u32, height: u32, paper: Colour) -> Self {
        let mut picture = Picture::black(width.clamp(1, MOST), height.clamp(1, MOST));
        picture.data_mut().as_chunks_mut::<3>().0.fill(paper);
        Self { picture }
    }

    /// Fills a rectangle from `[x0, y0]` to `[x1, y1]` in pixels from the upper left corner. A pixel that it covers in part is mixed.
    pub fn rect(&mut self, [x0, y0]: [f64; 2], [x1, y1]: [f64; 2], colour: Colour) {
        let (width, height) = (self.picture.width(), self.picture.height());
        let columns = x0.max(0.0).floor() as u32..(x1.min(f64::from(width)).ceil().max(0.0) as u32);
        for y in y0.max(0.0).floor() as u32..(y1.min(f64::from(height)).ceil().max(0.0) as u32) {
            let high = covered(y, y0, y1);
            for x in columns.clone() {
                self.mix(x, y, colour, high * covered(x, x0, x1));
            }
        }
    }

    /// Writes from `[x, y]`, the upper left corner of the first letter, with letters of 7 times `size` pixels above the line. Letters that are not known
    /// become a gap.
    pub fn text(&mut self, [x, y]: [f64; 2], size: u32, colour: Colour, text: &str) {
        let size = f64::from(size);
        for (place, letter) in text.chars().enumerate() {
            let left = x.round() + place as f64 * 6.0 * size;
            for (row, bits) in letters::rows(letter).into_iter().enumerate() {
                let top = y.round() + row as f64 * size;
                for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                    let at = [left + f64::from(column) * size, top];
                    self.rect(at, [at[0] + size, at[1] + size], colour);
                }
            }
        }
    }

    /// Width of a text in pixels.
    pub fn width_of(text: &str, size: u32) -> f64 {
        (text.chars().count() as f64 * 6.0 - 1.0).max(0.0) * f64::from(size)
    }

    /// The picture so far.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The canvas as a PNG file.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn png(&self) -> Result<Vec<u8>> {
        let broken = || Error::world("a chart cannot be kept as PNG");
        let (width, height, data) = (self.picture.width(), self.picture.height(), self.picture.data().to_vec());
        let image = DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, data).ok_or_else(broken)?);
        let mut png = Cursor::new(Vec::new());
        image.write_to(&mut png, ImageFormat::Png).map_err(|e| broken().from_source(e))?;
        Ok(png.into_inner())
    }

    fn mix(&mut self, x: u32, y: u32, colour: Colour, share: f64) {
        let at = (y as usize * self.picture.width() as usize + x as usize) * 3;
        let Some(pixel) = self.picture.data_mut().get_mut(at..at + 3) else { return };
        for (old, new) in pixel.iter_mut().zip(colour) {
            *old = (f64::from(*old) * (1.0 - share) + f64::from(new) * share).round() as u8;
        }
    }
}

/// How much of the pixel at `at` lies between `from` and `to`.
fn covered(at: u32, from: f64, to: f64) -> f64 {
    let at = f64::from(at);
    (to.min(at + 1.0) - from.max(at)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Colour = [255; 3];
    const BLACK: Colour = [0; 3];

    #[test]
    fn rectangles_cover_pixels_in_part() {
        let mut canvas = Canvas::new(6, 4, WHITE);
        canvas.rect([1.0, 1.0], [3.5, 2.0], BLACK);
        let row: Vec<_> = (0..6).map(|x| canvas.picture().pixel(x, 1).unwrap()[0]).collect();
        assert_eq!(row, [255, 0, 0, 128, 255, 255]);
        assert_eq!(canvas.picture().pixel(1, 0), Some(WHITE));
        canvas.rect([-9.0, -9.0], [99.0, 99.0], BLACK);
        assert_eq!(canvas.picture().pixel(5, 3), Some(BLACK), "what lies outside is left out");
    }

    #[test]
    fn letters_stand_where_they_should_and_the_file_is_a_png() {
        let mut canvas = Canvas::new(40, 20, WHITE);
        canvas.text([2.0, 3.0], 2, BLACK, "I?");
        // The stem of the letter is its third column of five, two pixels wide.
        let row: Vec<_> = (2..12).map(|x| canvas.picture().pixel(x, 9).unwrap()[0] == 0).collect();
        assert_eq!(row, [false, false, false, false, true, true, false, false, false, false]);
        assert!((Canvas::width_of("ab", 2) - 22.0).abs() < 1e-9);
        let png = canvas.png().unwrap();
        let read = image::load_from_memory(&png).unwrap().into_rgb8();
        assert_eq!((read.dimensions(), read.get_pixel(6, 9).0), ((40, 20), BLACK));
    }
}
