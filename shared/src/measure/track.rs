//! Where the head of a portrait is in a frame: the turn under which the frame shows the portrait's face.
//!
//! Least squares over the colours of the face, solved step by step from the turn of the frame before (Lucas and Kanade, "An iterative image
//! registration technique", IJCAI 1981), with weights that let what moves by itself, lids and brows, pass (Cauchy's, as in robust tracking). Turning and moving
//! look much alike from the front: the head is held near its place, so that what can be a turn is one.

use super::{
    head::{Head, Share, Turn},
    plane::Plane,
};

/// Numbers of a turn.
const N: usize = Turn::COUNT;

/// How far from zero each number of a turn is expected: radians, units of the edge, share.
const EXPECTED: [f64; N] = [0.35, 0.35, 0.35, 0.001, 0.001, 0.004];

/// A difference of colour that is taken for something else than a wrong turn.
const ODD: f64 = 0.08;

/// What one place that is just as odd as [`ODD`] weighs against a number that is as far as expected.
const TRUST: f64 = 0.02;

/// Steps at most at each size; and in radians or edges the step that ends them.
const STEPS: usize = 12;
const STILL: f64 = 2e-5;

/// Follows a head through a film.
pub struct Tracker {
    head: Head,
    /// From the smallest size to the largest.
    sizes: Vec<Size>,
    last: Turn,
}

/// The portrait's face at one size.
struct Size {
    edge: u32,
    places: Vec<([f64; 2], [f32; 3])>,
}

impl Tracker {
    /// A tracker of the face in `face`, without what is in the mouth's box and below its upper edge, which the jaw moves.
    pub fn new(portrait: &Plane, face: &Share, mouth: &Share) -> Self {
        let head = Head::of(face);
        let sizes = [64, 128].map(|edge| {
            let mut plane = portrait.clone();
            while plane.width().max(plane.height()) > edge as usize {
                plane = plane.half();
            }
            let step = 1.0 / plane.width().max(plane.height()) as f64;
            let stride = if edge > 64 { 1.6 * step } else { step };
            let rows = (0..).map(|k| face[1] + f64::from(k) * stride).take_while(|y| *y < mouth[1]);
            let columns = || (0..).map(|k| face[0] + f64::from(k) * stride).take_while(|x| *x < face[0] + face[2]);
            let all = rows.flat_map(|y| columns().map(move |x| [x, y]));
            let on_face = all.filter(|[x, y]| {
                let [u, v] = head.within(*x, *y);
                u * u + v * v < 0.95
            });
            Size { edge, places: on_face.map(|place| (place, plane.at(place[0], place[1]))).collect() }
        });
        Self { head, sizes: sizes.into(), last: Turn::default() }
    }

    /// The turn in the film's next frame.
    pub fn next(&mut self, frame: &Plane) -> Turn {
        let from_last = self.solve(frame, self.last);
        // A head that was lost is looked for where the portrait has it.
        let found = if self.last == Turn::default() {
            from_last
        } else {
            better(from_last, || self.solve(frame, Turn::default()))
        };
        self.last = found.0;
        self.last
    }

    /// The turn near `start`, and how much of the face is not where it should be, 0 to 1.
    fn solve(&self, frame: &Plane, start: Turn) -> (Turn, f64) {
        let mut numbers = start.numbers();
        let mut odd = 1.0;
        for size in &self.sizes {
            let mut plane = frame.clone();
            while plane.width().max(plane.height()) > size.edge as usize {
                plane = plane.half();
            }
            for _ in 0..STEPS {
                let step;
                (step, odd) = self.step(size, &plane, &numbers);
                numbers.iter_mut().zip(step).for_each(|(x, d)| *x += d);
                if step.iter().all(|d| d.abs() < STILL) {
                    break;
                }
            }
        }
        (Turn::from_numbers(numbers), odd)
    }

    /// One step of Gauss and Newton.
    fn step(&self, size: &Size, frame: &Plane, numbers: &[f64; N]) -> ([f64; N], f64) {
        const NUDGE: f64 = 1e-4;
        let turn = Turn::from_numbers(*numbers);
        let nudged: [Turn; N] = std::array::from_fn(|k| {
            let mut other = *numbers;
            other[k] += NUDGE;
            Turn::from_numbers(other)
        });
        let (here, around) = (self.head.places(&turn), nudged.each_ref().map(|turn| self.head.places(turn)));
        let pixel = 1.0 / frame.width().max(frame.height()) as f64;
        let (mut matrix, mut right, mut odd) = ([[0.0; N]; N], [0.0; N], 0.0);
        for (place, colour) in &size.places {
            let [x, y] = here(*place);
            let moves = around.each_ref().map(|around| {
                let [u, v] = around(*place);
                [(u - x) / NUDGE, (v - y) / NUDGE]
            });
            let seen = frame.at(x, y);
            let [left, right_of, above, below] =
                [frame.at(x - pixel, y), frame.at(x + pixel, y), frame.at(x, y - pixel), frame.at(x, y + pixel)];
            for c in 0..3 {
                let rest = f64::from(seen[c] - colour[c]);
                let slope = [right_of[c] - left[c], below[c] - above[c]].map(|d| f64::from(d) / (2.0 * pixel));
                let weight = 1.0 / (1.0 + (rest / ODD).powi(2));
                odd += 1.0 - weight;
                let row = moves.map(|[u, v]| slope[0] * u + slope[1] * v);
                for i in 0..N {
                    right[i] -= weight * row[i] * rest;
                    for j in 0..=i {
                        matrix[i][j] += weight * row[i] * row[j];
                    }
                }
            }
        }
        let count = (3 * size.places.len()).max(1) as f64;
        for i in 0..N {
            let hold = TRUST * TRUST * count * 0.01 / (EXPECTED[i] * EXPECTED[i]);
            matrix[i][i] += hold;
            right[i] -= hold * numbers[i];
        }
        (solved(matrix, right), odd / count)
    }
}

fn better(first: (Turn, f64), second: impl FnOnce() -> (Turn, f64)) -> (Turn, f64) {
    // Most of a face is even, so that even a lost one has much in its place.
    if first.1 < 0.25 {
        return first;
    }
    let second = second();
    if second.1 < first.1 { second } else { first }
}

/// Solves a symmetric positive system of which the lower half is given (Cholesky).
fn solved(mut a: [[f64; N]; N], mut b: [f64; N]) -> [f64; N] {
    for i in 0..N {
        for j in 0..=i {
            let sum = a[i][j] - (0..j).map(|k| a[i][k] * a[j][k]).sum::<f64>();
            a[i][j] = if i == j { sum.max(f64::MIN_POSITIVE).sqrt() } else { sum / a[j][j] };
        }
        b[i] = (b[i] - (0..i).map(|k| a[i][k] * b[k]).sum::<f64>()) / a[i][i];
    }
    for i in (0..N).rev() {
        b[i] = (b[i] - (i + 1..N).map(|k| a[k][i] * b[k]).sum::<f64>()) / a[i][i];
    }
    b
}
