//! Gaussian noise as a function of (seed, stream, frame): the same on every machine, in any order.
//!
//! The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011),
//! which turns a counter and a key into 128 random bits without any state. Whatever worker renders a
//! frame, in whatever attempt, draws the same noise for it.

/// Which of several independent noises a frame gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The frame's own noise.
    Frame,
    /// The frame's own noise in another take, for a clip that is rendered again; take 0 is [`Stream::Frame`].
    Take(u32),
    /// The part of the noise that all frames of a film share (mixed noise, Ge et al., arXiv 2305.10474,
    /// section 3.2); drawn for frame 0 whatever the frame.
    Film,
    /// What is added to a frame of a take when a denoising step is taken back for the `round`-th time (`RePaint`, Lugmayr et al.,
    /// arXiv 2201.09865, section 4.2). Frames below 2^32.
    Jump {
        /// The take.
        take: u32,
        /// How many steps were taken back before in the clip.
        round: u32,
    },
    /// The part of [`Stream::Jump`] that all frames of a film share.
    FilmJump(u32),
    /// Numbers of a head path ([`crate::path`]): an axis of it, drawn for a knot or a slot in place of a frame.
    Path(u32),
}

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: u32 = 10;

/// One block of Philox4x32-10: 128 bits for a counter of 128 bits under a key of 64 bits.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let low = u64::from(MULTIPLIER[0]) * u64::from(counter[0]);
        let high = u64::from(MULTIPLIER[1]) * u64::from(counter[2]);
        counter = [
            (high >> 32) as u32 ^ counter[1] ^ key[0],
            high as u32,
            (low >> 32) as u32 ^ counter[3] ^ key[1],
            low as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// Fills `out` with independent standard normal numbers that depend on `seed`, `stream` and `frame` alone.
///
/// Box-Muller on 32-bit uniforms; logarithm and cosine come from `libm`, so that every platform gives the same bits.
///
/// # Panics
/// When `out` holds more than 2^26 numbers, more than the counter has blocks for.
pub fn normals(seed: u64, stream: Stream, frame: u64, out: &mut [f32]) {
    // The top byte of the block word holds the stream; 2^24 blocks of four numbers remain for a frame.
    assert!(out.len() <= 4 << 24, "a frame of noise holds at most 2^26 numbers");
    for (block, numbers) in (0..).zip(out.chunks_mut(4)) {
        let bits = bits(seed, stream, frame, block);
        let pairs = [box_muller(bits[0], bits[1]), box_muller(bits[2], bits[3])];
        for (number, value) in numbers.iter_mut().zip(pairs.as_flattened()) {
            *number = *value as f32;
        }
    }
}

/// 128 random bits: a block of a frame's noise.
fn bits(seed: u64, stream: Stream, frame: u64, block: u32) -> [u32; 4] {
    let (low, high) = (frame as u32, (frame >> 32) as u32);
    let (tag, words) = match stream {
        Stream::Frame => (0, [0, low, high]),
        Stream::Take(take) => (0, [take, low, high]),
        Stream::Film => (1, [0, 0, 0]),
        // No film has 2^32 frames: the word of a frame's high bits is free.
        Stream::Jump { take, round } => (2, [take, low, round]),
        Stream::FilmJump(round) => (3, [0, 0, round]),
        Stream::Path(axis) => (4, [axis, low, high]),
    };
    philox([block | tag << 24, words[0], words[1], words[2]], [seed as u32, (seed >> 32) as u32])
}

/// A standard normal number of a head path: for a knot of one of its axes.
pub(crate) fn normal(seed: u64, axis: u32, knot: u64) -> f64 {
    let [a, b, ..] = bits(seed, Stream::Path(axis), knot, 0);
    box_muller(a, b)[0]
}

/// A number of a head path that lies anywhere from 0 up to 1 alike.
pub(crate) fn uniform(seed: u64, axis: u32, slot: u64) -> f64 {
    f64::from(bits(seed, Stream::Path(axis), slot, 0)[0]) * UNIT
}

/// What 32 bits are multiplied with to lie below 1.
const UNIT: f64 = 1.0 / 4_294_967_296.0;

/// Two normal numbers from 64 uniform bits.
fn box_muller(a: u32, b: u32) -> [f64; 2] {
    let radius = libm::sqrt(-2.0 * libm::log((f64::from(a) + 1.0) * UNIT));
    let angle = std::f64::consts::TAU * f64::from(b) * UNIT;
    [radius * libm::cos(angle), radius * libm::sin(angle)]
}

/// The noise of one frame where a share `shared` (0 to 1) of its variance is common to the whole film:
/// `sqrt(shared) * film + sqrt(1 - shared) * own`, again standard normal. Another `take` has another own share.
pub fn mixed(seed: u64, take: u32, frame: u64, shared: f64, out: &mut [f32]) {
    of_two(seed, [Stream::Take(take), Stream::Film], frame, shared, out);
}

/// As [`mixed`], for the `round`-th step that is taken back: independent of the noise that the clip starts from, with the same share
/// in common.
pub fn mixed_jump(seed: u64, take: u32, round: u32, frame: u64, shared: f64, out: &mut [f32]) {
    of_two(seed, [Stream::Jump { take, round }, Stream::FilmJump(round)], frame, shared, out);
}

fn of_two(seed: u64, [own, common]: [Stream; 2], frame: u64, shared: f64, out: &mut [f32]) {
    normals(seed, own, frame, out);
    if shared <= 0.0 {
        return;
    }
    let mut film = vec![0.0; out.len()];
    normals(seed, common, frame, &mut film);
    let (common, own) = (libm::sqrt(shared) as f32, libm::sqrt(1.0 - shared) as f32);
    for (number, film) in out.iter_mut().zip(&film) {
        *number = common * film + own * *number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_known_answers() {
        // Published with Random123 1.14 (tests/kat_vectors, philox4x32 10).
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    fn draw(seed: u64, stream: Stream, frame: u64, count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        normals(seed, stream, frame, &mut out);
        out
    }

    #[test]
    fn numbers_are_standard_normal() {
        let x = draw(7, Stream::Frame, 3, 100_000);
        let moment = |k: i32| x.iter().map(|v| f64::from(*v).powi(k)).sum::<f64>() / x.len() as f64;
        assert!(moment(1).abs() < 0.015, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.02, "variance {}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.15, "kurtosis {}", moment(4));
    }

    #[test]
    fn every_coordinate_matters_and_length_does_not() {
        let x = draw(1, Stream::Frame, 5, 64);
        assert_eq!(x[..10], draw(1, Stream::Frame, 5, 10)[..]);
        assert_ne!(x, draw(2, Stream::Frame, 5, 64));
        assert_ne!(x, draw(1 << 40, Stream::Frame, 5, 64));
        assert_ne!(x, draw(1, Stream::Frame, 6, 64));
        assert_ne!(x, draw(1, Stream::Frame, 5 + (1 << 33), 64));
        assert_ne!(draw(1, Stream::Frame, 0, 64), draw(1, Stream::Film, 0, 64));
        assert_eq!(draw(1, Stream::Frame, 4, 64), draw(1, Stream::Take(0), 4, 64));
        assert_ne!(draw(1, Stream::Frame, 4, 64), draw(1, Stream::Take(1), 4, 64));
        assert_eq!(draw(1, Stream::Film, 0, 64), draw(1, Stream::Film, 9, 64));
        let jump = |take, round, frame| draw(1, Stream::Jump { take, round }, frame, 64);
        let all = [jump(0, 0, 4), jump(1, 0, 4), jump(0, 1, 4), jump(0, 0, 5), draw(1, Stream::FilmJump(0), 0, 64)];
        for (place, noise) in all.iter().enumerate() {
            assert!(!all[..place].contains(noise) && *noise != draw(1, Stream::Frame, 4, 64), "{place}");
        }
        assert_eq!(draw(1, Stream::FilmJump(2), 0, 64), draw(1, Stream::FilmJump(2), 9, 64));
    }

    #[test]
    fn mixed_noise_shares_what_it_says() {
        let frame = |n| {
            let mut out = vec![0.0; 50_000];
            mixed(11, 0, n, 0.75, &mut out);
            out
        };
        let (a, b) = (frame(0), frame(1));
        let jump = |n| {
            let mut out = vec![0.0; 50_000];
            mixed_jump(11, 0, 3, n, 0.75, &mut out);
            out
        };
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(x * y)).sum::<f64>() / x.len() as f64;
        assert!((dot(&a, &a) - 1.0).abs() < 0.03);
        assert!((dot(&a, &b) - 0.75).abs() < 0.03);
        assert!((dot(&jump(0), &jump(1)) - 0.75).abs() < 0.03);
        assert!(dot(&a, &jump(0)).abs() < 0.03, "of its own");
    }

    #[test]
    fn bits_are_the_same_on_every_machine() {
        let bits: Vec<u32> = draw(42, Stream::Frame, 1, 4).iter().map(|x| x.to_bits()).collect();
        assert_eq!(bits, GOLDEN, "{bits:#010x?}");
    }

    // Recomputed outside of Rust from the definition; a change here changes every film.
    const GOLDEN: [u32; 4] = [0x4008_2c17, 0x400a_53f3, 0xbed1_08e0, 0xbfd4_72ca];
}
