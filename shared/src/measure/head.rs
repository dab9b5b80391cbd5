//! A head as an ellipsoid that turns about the neck, seen from far away: what a face box alone tells of its shape.
//!
//! Heads are tracked with such models since Basu, Essa and Pentland ("Motion regularization for model-based head tracking", ICPR 1996).
//! Proportions are those of drawn and of average heads; degrees are therefore right within some percent, and differences between films of the same
//! portrait exact.

/// A rectangle in units of the picture's edges: left, top, width, height.
pub type Share = [f64; 4];

/// How a head lies in a frame, as against the portrait.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Turn {
    /// Degrees to the right of the picture.
    pub yaw: f64,
    /// Degrees up.
    pub pitch: f64,
    /// Degrees clockwise.
    pub roll: f64,
    /// Moved to the right, in units of the picture's edge.
    pub right: f64,
    /// Moved down, in units of the picture's edge.
    pub down: f64,
    /// Grown, as a share.
    pub larger: f64,
}

impl Turn {
    /// Numbers of a turn.
    pub(super) const COUNT: usize = 6;

    /// As numbers of like size, for solving.
    pub(super) fn numbers(&self) -> [f64; Self::COUNT] {
        let [yaw, pitch, roll] = [self.yaw, self.pitch, self.roll].map(f64::to_radians);
        [yaw, pitch, roll, self.right, self.down, self.larger]
    }

    /// From the numbers of [`Turn::numbers`].
    pub(super) fn from_numbers([yaw, pitch, roll, right, down, larger]: [f64; Self::COUNT]) -> Self {
        let [yaw, pitch, roll] = [yaw, pitch, roll].map(f64::to_degrees);
        Self { yaw, pitch, roll, right, down, larger }
    }

    /// Degrees from one turn to another.
    pub fn degrees_to(&self, other: &Self) -> f64 {
        let squares = [self.yaw - other.yaw, self.pitch - other.pitch, self.roll - other.roll].map(|x| x * x);
        squares.iter().sum::<f64>().sqrt()
    }
}

/// The head of a portrait.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    middle: [f64; 2],
    half: [f64; 2],
}

impl Head {
    /// The head in a face box, crown to chin and cheek to cheek.
    pub fn of(face: &Share) -> Self {
        let [x, y, w, h] = *face;
        Self { middle: [x + w / 2.0, y + h / 2.0], half: [w / 2.0, h / 2.0] }
    }

    /// Where a place of the portrait lies in the face, in units of half the face box: 0, 0 is its middle.
    pub fn within(&self, x: f64, y: f64) -> [f64; 2] {
        [(x - self.middle[0]) / self.half[0], (y - self.middle[1]) / self.half[1]]
    }

    /// Area of the face box in units of the picture's.
    pub fn area(&self) -> f64 {
        4.0 * self.half[0] * self.half[1]
    }

    /// The place in a frame where what the portrait has at `x`, `y` on the face is seen after a turn.
    pub fn place(&self, [x, y]: [f64; 2], turn: &Turn) -> [f64; 2] {
        Rotation::of(turn).place(self, [x, y], turn)
    }

    /// What [`Head::place`] does, for many places.
    pub fn places<'a>(&'a self, turn: &'a Turn) -> impl Fn([f64; 2]) -> [f64; 2] + 'a {
        let rotation = Rotation::of(turn);
        move |place| rotation.place(self, place, turn)
    }
}

/// The two rows of a rotation that are seen.
struct Rotation([[f64; 3]; 2]);

impl Rotation {
    /// Yaw first, then pitch, then roll.
    fn of(turn: &Turn) -> Self {
        let [(sy, cy), (sp, cp), (sr, cr)] =
            [turn.yaw, turn.pitch, turn.roll].map(|degrees| libm::sincos(degrees.to_radians()));
        let across = [cy, 0.0, sy];
        let down = [sp * sy, cp, -sp * cy];
        let row = |a: f64, b: f64| std::array::from_fn(|k| a * across[k] + b * down[k]);
        Self([row(cr, -sr), row(sr, cr)])
    }

    fn place(&self, head: &Head, [x, y]: [f64; 2], turn: &Turn) -> [f64; 2] {
        let [a, b] = head.half;
        let (x, y) = (x - head.middle[0], y - head.middle[1]);
        let round = 1.0 - (x / (1.25 * a)).powi(2) - (y / (1.2 * b)).powi(2);
        let deep = 0.95 * a * round.max(0.0).sqrt();
        // The joint of the neck.
        let (low, back) = (0.75 * b, -0.25 * a);
        let arm = [x, y - low, deep - back];
        let seen = self.0.map(|row| row.iter().zip(arm).map(|(r, arm)| r * arm).sum::<f64>());
        let grown = 1.0 + turn.larger;
        [head.middle[0] + turn.right + grown * seen[0], head.middle[1] + turn.down + low + grown * seen[1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Share = [0.25, 0.2, 0.5, 0.6];

    #[test]
    fn a_head_at_rest_is_the_portrait_and_turns_as_it_is_told() {
        let head = Head::of(&HEAD);
        let at = |turn: Turn| head.place([0.5, 0.5], &turn);
        let rest = at(Turn::default());
        assert!((rest[0] - 0.5).abs() < 1e-12 && (rest[1] - 0.5).abs() < 1e-12);
        let (right, up) = (at(Turn { yaw: 10.0, ..Turn::default() }), at(Turn { pitch: 10.0, ..Turn::default() }));
        assert!(right[0] > 0.54 && (right[1] - 0.5).abs() < 1e-9, "{right:?}");
        assert!(up[1] < 0.46 && (up[0] - 0.5).abs() < 1e-9, "{up:?}");
        // The neck is below: tilted clockwise, the middle goes to the right.
        assert!(at(Turn { roll: 10.0, ..Turn::default() })[0] > 0.52);
        assert!((at(Turn { right: 0.1, ..Turn::default() })[0] - 0.6).abs() < 1e-12);
        assert!(at(Turn { larger: 0.5, ..Turn::default() })[1] < 0.4);
    }

    #[test]
    fn numbers_come_back() {
        let turn = Turn { yaw: 3.0, pitch: -2.0, roll: 7.0, right: 0.01, down: -0.02, larger: 0.03 };
        let back = Turn::from_numbers(turn.numbers());
        assert!(turn.degrees_to(&back) < 1e-9 && (turn.larger - back.larger).abs() < 1e-12);
        assert!((Turn::default().degrees_to(&Turn { yaw: 3.0, roll: 4.0, ..Turn::default() }) - 5.0).abs() < 1e-9);
    }
}
