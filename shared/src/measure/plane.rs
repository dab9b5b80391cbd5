//! Pictures as numbers that can be read between pixels.

use crate::Picture;

/// An RGB picture in 0 to 1, read at any place.
#[derive(Clone, Debug)]
pub struct Plane {
    width: usize,
    height: usize,
    data: Vec<[f32; 3]>,
}

impl Plane {
    /// The picture, halved until no edge is longer than `edge` pixels.
    pub fn of(picture: &Picture, edge: u32) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let pixels = picture.data().as_chunks::<3>().0.iter();
        let mut plane = Self { width, height, data: pixels.map(|rgb| rgb.map(|x| f32::from(x) / 255.0)).collect() };
        while plane.width.max(plane.height) > edge.max(2) as usize {
            plane = plane.half();
        }
        plane
    }

    /// Half as wide and high; every pixel is the mean of four.
    #[must_use]
    pub fn half(&self) -> Self {
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let near = |x: usize, limit: usize| x.min(limit - 1);
        let mean = |x: usize, y: usize| {
            let at = |dx, dy| self.data[near(2 * y + dy, self.height) * self.width + near(2 * x + dx, self.width)];
            let four = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
            std::array::from_fn(|c| four.iter().map(|rgb| rgb[c]).sum::<f32>() / 4.0)
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self { width, height, data: places.map(|(x, y)| mean(x, y)).collect() }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The colour at a place in units of the width and the height, between pixels in proportion; the rim goes on outside.
    pub fn at(&self, x: f64, y: f64) -> [f32; 3] {
        let split = |place: f64, size: usize| {
            let place = (place * size as f64 - 0.5).clamp(0.0, (size - 1) as f64);
            let low = (place as usize).min(size.saturating_sub(2));
            (low, (low + 1).min(size - 1), (place - low as f64) as f32)
        };
        let ((x0, x1, u), (y0, y1, v)) = (split(x, self.width), split(y, self.height));
        let rows = [y0 * self.width, y1 * self.width];
        let [a, b, c, d] = [rows[0] + x0, rows[0] + x1, rows[1] + x0, rows[1] + x1].map(|place| self.data[place]);
        std::array::from_fn(|k| {
            let (top, low) = (a[k] + u * (b[k] - a[k]), c[k] + u * (d[k] - c[k]));
            top + v * (low - top)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_between_pixels_are_mixed_and_the_rim_goes_on() {
        let picture = Picture::new(2, 2, vec![0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255]).unwrap();
        let plane = Plane::of(&picture, 256);
        let read = |x, y| (plane.at(x, y)[0] * 1000.0).round() as i32;
        assert_eq!([read(0.25, 0.25), read(0.5, 0.9), read(0.75, 0.5)], [0, 500, 1000]);
        assert_eq!([read(-3.0, 0.5), read(9.0, -1.0)], [0, 1000]);
        let half = plane.half();
        assert_eq!((half.width(), half.height(), (half.at(0.5, 0.5)[1] * 100.0) as i32), (1, 1, 50));
        assert_eq!(Plane::of(&Picture::black(300, 100), 256).width(), 150);
    }
}
