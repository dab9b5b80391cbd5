//! A picture of any shape in the square that a detector takes.

use shared::Picture;

use super::resize::sampled;

/// A picture, scaled to fit and put into the upper left corner of a black square.
pub(super) struct Letterbox {
    edge: usize,
    /// RGB, rows from the top.
    data: Vec<u8>,
    /// Pixels of the square for one pixel of the picture.
    pub(super) scale: f32,
}

impl Letterbox {
    /// Fits `picture` into a square of `edge` pixels, as InsightFace does: the longer edge fills it, the shorter one is rounded down.
    pub(super) fn new(picture: &Picture, edge: usize) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let ratio = height as f64 / width as f64;
        let (to_width, to_height) = if ratio > 1.0 {
            (((edge as f64 / ratio) as usize).max(1), edge)
        } else {
            (edge, ((edge as f64 * ratio) as usize).max(1))
        };
        let scaled = sampled(picture.data(), 3, (width, height), (to_width, to_height));
        let mut data = vec![0; edge * edge * 3];
        for (line, row) in scaled.chunks_exact(to_width * 3).zip(data.chunks_exact_mut(edge * 3)) {
            row[..line.len()].copy_from_slice(line);
        }
        Self { edge, data, scale: to_height as f32 / height as f32 }
    }

    /// The square as `[1, 3, edge, edge]`: channel `order[0]` of RGB first, each value changed by `to`.
    pub(super) fn planes(&self, order: [usize; 3], to: impl Fn(f32) -> f32) -> Vec<f32> {
        let mut planes = Vec::with_capacity(self.edge * self.edge * 3);
        for channel in order {
            planes.extend(self.data.iter().skip(channel).step_by(3).map(|x| to(f32::from(*x))));
        }
        planes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_fill_the_upper_left_corner() {
        let white = |width, height| Picture::new(width, height, vec![255; (width * height * 3) as usize]).unwrap();
        for (width, height, right, bottom) in
            [(640, 480, 640, 480), (100, 50, 640, 320), (30, 90, 213, 640), (9000, 3, 640, 1)]
        {
            let boxed = Letterbox::new(&white(width, height), 640);
            let bright = |x: usize, y: usize| boxed.data[(y * 640 + x) * 3] == 255;
            assert!(bright(0, 0) && bright(right - 1, bottom - 1), "{width}x{height}");
            assert!(right == 640 || !bright(right, 0), "{width}x{height}");
            assert!(bottom == 640 || !bright(0, bottom), "{width}x{height}");
        }
        assert!((Letterbox::new(&white(100, 50), 640).scale - 6.4).abs() < 1e-6);
    }

    #[test]
    fn planes_come_in_the_order_that_is_asked_for() {
        let picture = Picture::new(2, 2, vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).unwrap();
        let boxed = Letterbox::new(&picture, 2);
        assert_eq!(&boxed.planes([2, 1, 0], |x| x)[..5], &[3.0, 6.0, 9.0, 12.0, 2.0]);
        assert_eq!(&boxed.planes([0, 1, 2], |x| -x)[..2], &[-1.0, -4.0]);
    }
}
