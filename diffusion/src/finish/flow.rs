//! Where each place of a picture was in another: dense motion by least squares in windows, from coarse to fine
//! (Lucas and Kanade, IJCAI 1981; the pyramid is Bouguet's, 2001).

use super::map::Map;

/// Finest edge at which motion is measured: half pixels of a 256-pixel picture tell as much in a quarter of the time.
const FINEST: usize = 128;
/// Coarsest edge; one pixel of it is eight of a picture of 256.
const COARSEST: usize = 32;
/// Rounds of each level.
const ROUNDS: usize = 3;
/// Pixels on either side of a window; it is averaged twice, so that its middle counts most.
const WINDOW: usize = 2;
/// What a window without edges weighs, for no motion, where colours run from -1 to 1.
const REST: f32 = 1e-3;
/// Pixels that a place may move in one round.
const STRIDE: f32 = 1.5;

/// A picture at all levels, the finest first.
pub(super) struct Pyramid(Vec<Map<3>>);

impl Pyramid {
    pub(super) fn of(picture: &Map<3>) -> Self {
        let mut finest = picture.clone();
        while finest.edge > FINEST && finest.edge.is_multiple_of(2) {
            finest = finest.half();
        }
        let mut levels = vec![finest];
        while let Some(last) = levels.last().filter(|last| last.edge >= 2 * COARSEST && last.edge % 2 == 0) {
            levels.push(last.half());
        }
        Self(levels)
    }
}

/// For each pixel of the finest level how far right and down of it `from` shows what `to` shows there, in pixels of that level.
pub(super) fn flow(from: &Pyramid, to: &Pyramid) -> Map<2> {
    let mut motion: Option<Map<2>> = None;
    for (from, to) in from.0.iter().zip(&to.0).rev() {
        let mut found = motion.map_or_else(|| Map::zeros(to.edge), |coarse| finer(&coarse, to.edge));
        for _ in 0..ROUNDS {
            found = round(from, to, &found);
        }
        motion = Some(found);
    }
    motion.unwrap_or_else(|| Map::zeros(0))
}

/// Motion at another edge, in pixels of it.
pub(super) fn finer(motion: &Map<2>, edge: usize) -> Map<2> {
    let times = edge as f32 / motion.edge as f32;
    let mut finer = motion.scaled(edge);
    finer.data.iter_mut().for_each(|step| *step = step.map(|x| x * times));
    finer
}

/// `from` seen along the motion.
pub(super) fn moved<const C: usize>(from: &Map<C>, motion: &Map<2>) -> Map<C> {
    Map::of(from.edge, |x, y| {
        let [right, down] = *motion.at(x, y);
        from.between(x as f32 + right, y as f32 + down)
    })
}

/// One step of Gauss and Newton in every window.
fn round(from: &Map<3>, to: &Map<3>, motion: &Map<2>) -> Map<2> {
    let (edge, seen) = (to.edge, moved(from, motion));
    let last = edge - 1;
    let products = Map::of(edge, |x, y| {
        let (left, right) = (seen.at(x.saturating_sub(1), y), seen.at((x + 1).min(last), y));
        let (above, below) = (seen.at(x, y.saturating_sub(1)), seen.at(x, (y + 1).min(last)));
        let (here, wanted) = (seen.at(x, y), to.at(x, y));
        let mut sums = [0.0_f32; 5];
        for c in 0..3 {
            let (across, down, missing) =
                (0.5 * (right[c] - left[c]), 0.5 * (below[c] - above[c]), wanted[c] - here[c]);
            let terms = [across * across, across * down, down * down, across * missing, down * missing];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        }
        sums
    });
    let windows = products.mean_around(WINDOW).mean_around(WINDOW);
    let next = Map::of(edge, |x, y| {
        let [xx, xy, yy, bx, by] = *windows.at(x, y);
        let (xx, yy) = (xx.max(0.0) + REST, yy.max(0.0) + REST);
        let whole = xx * yy - xy * xy;
        let [right, down] = *motion.at(x, y);
        let step = |number: f32| (number / whole.max(1e-12)).clamp(-STRIDE, STRIDE);
        [right + step(yy * bx - xy * by), down + step(xx * by - xy * bx)]
    });
    next.mean_around(1).mean_around(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A smooth picture with edges in all directions, moved right and down.
    fn waves(edge: usize, right: f32, down: f32) -> Map<3> {
        Map::of(edge, |x, y| {
            let (u, v) = ((x as f32 - right) / 9.0, (y as f32 - down) / 11.0);
            [(u.sin() * v.cos()), (0.7 * u + v).cos(), (u - 0.6 * v).sin()].map(|x| 0.6 * x)
        })
    }

    fn median(of: impl Iterator<Item = f32>) -> f32 {
        let mut all: Vec<f32> = of.collect();
        all.sort_by(f32::total_cmp);
        all[all.len() / 2]
    }

    #[test]
    fn motion_is_found_at_every_size() {
        for (edge, right, down) in
            [(256, 6.0, -3.0), (128, -4.0, 2.5), (64, 1.5, 1.0), (32, 0.5, -0.75), (40, 1.0, 0.0)]
        {
            let pyramids = [waves(edge, 0.0, 0.0), waves(edge, right, down)].map(|picture| Pyramid::of(&picture));
            let motion = finer(&flow(&pyramids[0], &pyramids[1]), edge);
            let found = [0, 1].map(|axis| median(motion.data.iter().map(|step| step[axis])));
            // What is seen at a place now was left of it, had it moved right.
            assert!((found[0] + right).abs() < 0.25 && (found[1] + down).abs() < 0.25, "{edge}: {found:?}");
        }
    }

    #[test]
    fn nothing_moves_where_nothing_is_to_be_seen() {
        let flat = Pyramid::of(&Map::of(64, |_, _| [0.3; 3]));
        assert!(flow(&flat, &flat).data.iter().flatten().all(|step| step.abs() < 1e-9));
        // Another colour without edges is no motion either.
        let other = Pyramid::of(&Map::of(64, |_, _| [-0.2; 3]));
        assert!(flow(&flat, &other).data.iter().flatten().all(|step| step.abs() < 1e-9));
    }
}
