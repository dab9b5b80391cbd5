//! Square maps of a few channels, and what motion is made of: halving, mixing between pixels, means of neighbours.

/// A square map, row by row, `C` numbers a pixel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Map<const C: usize> {
    pub(super) edge: usize,
    pub(super) data: Vec<[f32; C]>,
}

impl<const C: usize> Map<C> {
    pub(super) fn zeros(edge: usize) -> Self {
        Self { edge, data: vec![[0.0; C]; edge * edge] }
    }

    /// A map whose pixel at `(x, y)` is `of(x, y)`.
    pub(super) fn of(edge: usize, of: impl Fn(usize, usize) -> [f32; C]) -> Self {
        let data = (0..edge * edge).map(|place| of(place % edge, place / edge)).collect();
        Self { edge, data }
    }

    pub(super) fn at(&self, x: usize, y: usize) -> &[f32; C] {
        &self.data[y * self.edge + x]
    }

    /// Half the edge; each pixel is the mean of four.
    pub(super) fn half(&self) -> Self {
        Self::of(self.edge / 2, |x, y| {
            let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(i, j)| self.at(2 * x + i, 2 * y + j));
            std::array::from_fn(|c| 0.25 * four.iter().map(|pixel| pixel[c]).sum::<f32>())
        })
    }

    /// The map between pixels, mixed from the four around; the border goes on outside.
    pub(super) fn between(&self, x: f32, y: f32) -> [f32; C] {
        let last = (self.edge - 1) as f32;
        let (x, y) = (x.clamp(0.0, last), y.clamp(0.0, last));
        let (left, top) = (x as usize, y as usize);
        let (right, below) = ((left + 1).min(self.edge - 1), (top + 1).min(self.edge - 1));
        let (u, v) = (x - left as f32, y - top as f32);
        let (a, b, c, d) = (self.at(left, top), self.at(right, top), self.at(left, below), self.at(right, below));
        std::array::from_fn(|i| {
            let (upper, lower) = (a[i] + u * (b[i] - a[i]), c[i] + u * (d[i] - c[i]));
            upper + v * (lower - upper)
        })
    }

    /// As [`Map::between`], but mixed from sixteen by the cubic of Catmull and Rom, which keeps edges sharp.
    pub(super) fn sharp_between(&self, x: f32, y: f32) -> [f32; C] {
        let last = self.edge as isize - 1;
        let (x, y) = (x.clamp(0.0, last as f32), y.clamp(0.0, last as f32));
        let (left, top) = (x as isize, y as isize);
        let (across, down) = (catmull_rom(x - left as f32), catmull_rom(y - top as f32));
        let mut out = [0.0; C];
        for (row, v) in (top - 1..).zip(down) {
            let row = &self.data[row.clamp(0, last) as usize * self.edge..];
            for (column, u) in (left - 1..).zip(across) {
                add(&mut out, &row[column.clamp(0, last) as usize], u * v);
            }
        }
        out
    }

    /// Scaled to another edge, pixels as areas: a whole number of times as wide, or any other.
    pub(super) fn scaled(&self, edge: usize) -> Self {
        let step = self.edge as f32 / edge as f32;
        Self::of(edge, |x, y| self.between((x as f32 + 0.5) * step - 0.5, (y as f32 + 0.5) * step - 0.5))
    }

    /// The mean of the square of `2 reach + 1` pixels around each pixel; the border goes on outside.
    pub(super) fn mean_around(&self, reach: usize) -> Self {
        self.mean_of_rows(reach).turned().mean_of_rows(reach).turned()
    }

    fn mean_of_rows(&self, reach: usize) -> Self {
        let (edge, share) = (self.edge, 1.0 / (2 * reach + 1) as f32);
        let mut out = Self::zeros(edge);
        for (from, to) in self.data.chunks_exact(edge).zip(out.data.chunks_exact_mut(edge)) {
            let inside = |at: isize| &from[at.clamp(0, edge as isize - 1) as usize];
            let reach = reach as isize;
            let mut sum = [0.0_f32; C];
            for at in -reach..=reach {
                add(&mut sum, inside(at), 1.0);
            }
            for (at, mean) in (0_isize..).zip(to) {
                *mean = sum.map(|x| x * share);
                add(&mut sum, inside(at + reach + 1), 1.0);
                add(&mut sum, inside(at - reach), -1.0);
            }
        }
        out
    }

    fn turned(&self) -> Self {
        Self::of(self.edge, |x, y| *self.at(y, x))
    }
}

/// Weights of the four pixels around a place, `u` of the way from the second to the third.
fn catmull_rom(u: f32) -> [f32; 4] {
    let outer = |u: f32| 0.5 * u * (1.0 - u) * (u - 1.0);
    let inner = |u: f32| 1.0 + u * u * (1.5 * u - 2.5);
    [outer(u), inner(u), inner(1.0 - u), outer(1.0 - u)]
}

fn add<const C: usize>(sum: &mut [f32; C], pixel: &[f32; C], times: f32) {
    for (sum, x) in sum.iter_mut().zip(pixel) {
        *sum += times * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_halved_and_scaled() {
        let map = Map::of(4, |x, y| [(10 * y + x) as f32]);
        assert_eq!(map.half().data, [[5.5], [7.5], [25.5], [27.5]]);
        let near = |[found]: [f32; 1], expected: f32| assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        // A quarter of a step right and down.
        near(map.half().scaled(4).data[5], 5.5 + 0.5 + 5.0);
        near(map.between(1.5, 0.25), 4.0);
        // A cubic goes through pixels and along straight lines.
        near(map.sharp_between(2.0, 1.0), 12.0);
        assert!((map.sharp_between(1.5, 1.25)[0] - 14.0).abs() < 1e-4);
        assert_eq!((map.between(-3.0, 9.0), map.between(9.0, -1.0)), ([30.0], [3.0]), "the border goes on");
    }

    #[test]
    fn means_are_of_the_square_around() {
        let map = Map::of(5, |x, y| [f32::from(u8::from((x, y) == (2, 2))), 1.0]);
        let mean = map.mean_around(1);
        for (place, [spot, even]) in mean.data.iter().enumerate() {
            let near = (place % 5).abs_diff(2) <= 1 && (place / 5).abs_diff(2) <= 1;
            let expected = if near { 1.0 / 9.0 } else { 0.0 };
            assert!((spot - expected).abs() < 1e-6 && (even - 1.0).abs() < 1e-6, "{place}: {spot} {even}");
        }
        // A pixel in the corner counts as often as the border goes on.
        let corner = Map::of(5, |x, y| [f32::from(u8::from((x, y) == (0, 0)))]).mean_around(1);
        assert!((corner.at(0, 0)[0] - 4.0 / 9.0).abs() < 1e-6, "{:?}", corner.at(0, 0));
    }
}
