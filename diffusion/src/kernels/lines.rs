//! Numbers of single precision as sums of one or two `bfloat16` numbers, in lines of 32: what the tile registers of a CPU multiply.

use half::f16;

/// Numbers in a line.
pub(super) const LINE: usize = 32;

/// 32 `bfloat16` numbers: one row of a tile register, one line of the cache, where they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u16; LINE]);

impl Line {
    /// Zeros.
    pub(super) const ZERO: Self = Self([0; LINE]);
}

/// As how many `bfloat16` numbers each factor of a product is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    /// One: 8 bits of each number count.
    One,
    /// Two, a coarse and a fine one: 16 bits count, and the product of two fine ones is left out. Sums of products are off by
    /// some 4e-6 of their size.
    Two,
}

impl Parts {
    /// How many.
    pub(super) const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// The nearest `bfloat16` number, ties to even; NaN stays NaN.
#[inline(always)]
pub(super) fn coarse(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
    if x.is_nan() { 0x7fc0 } else { rounded }
}

/// A `bfloat16` number widened.
#[inline(always)]
pub(super) fn widen(x: u16) -> f32 {
    f32::from_bits(u32::from(x) << 16)
}

/// The parts of 32 numbers, each in a line of its own: the coarse one first.
#[inline(always)]
pub(super) fn split(x: &[f32; LINE], lines: &mut [Line]) {
    match lines {
        [high] => {
            for (high, x) in high.0.iter_mut().zip(x) {
                *high = coarse(*x);
            }
        }
        [high, low] => {
            for ((high, low), x) in high.0.iter_mut().zip(&mut low.0).zip(x) {
                *high = coarse(*x);
                *low = coarse(*x - widen(*high));
            }
        }
        _ => {}
    }
}

/// A row of numbers as lines, `parts` for each 32 of them; zeros after its end.
#[inline(always)]
pub(super) fn split_row(row: &[f32], parts: Parts, lines: &mut [Line]) {
    let (whole, rest) = row.as_chunks::<LINE>();
    let mut lines = lines.chunks_exact_mut(parts.count());
    for (x, lines) in whole.iter().zip(&mut lines) {
        split(x, lines);
    }
    if !rest.is_empty()
        && let Some(lines) = lines.next()
    {
        let mut padded = [0.0; LINE];
        padded[..rest.len()].copy_from_slice(rest);
        split(&padded, lines);
    }
}

/// Numbers of half precision as lines, each number's two parts at the same place of `high` and `low`.
#[inline(always)]
pub(super) fn split_half(x: &[f16; LINE], high: &mut Line, low: &mut Line) {
    for ((high, low), x) in high.0.iter_mut().zip(&mut low.0).zip(x) {
        let x = half_to_single(*x);
        *high = coarse(x);
        *low = coarse(x - widen(*high));
    }
}

/// Half precision widened by arithmetic that vectorises: a power of two puts the exponent right, subnormal numbers too.
#[inline(always)]
fn half_to_single(x: f16) -> f32 {
    let bits = u32::from(x.to_bits());
    let sign = (bits & 0x8000) << 16;
    let magnitude = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((254 - 15) << 23);
    let magnitude =
        if bits & 0x7c00 == 0x7c00 { f32::from_bits(0x7f80_0000 | (bits & 0x3ff) << 13) } else { magnitude };
    f32::from_bits(magnitude.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_number() {
        for i in 0..200_000u32 {
            let x = f32::from_bits(0x3000_0000 + i * 4099) * if i % 2 == 0 { 1.0 } else { -1.0 };
            let (mut lines, row) = ([Line::ZERO; 2], [x; LINE]);
            split(&row, &mut lines);
            let [high, low] = lines.map(|line| widen(line.0[7]));
            assert!(
                (high - x).abs() <= x.abs() / 256.0 && (high + low - x).abs() <= x.abs() / 65536.0,
                "{x}: {high} {low}"
            );
            assert_eq!(high.to_bits(), half::bf16::from_f32(x).to_f32().to_bits());
        }
        assert!(widen(coarse(f32::NAN)).is_nan() && widen(coarse(f32::from_bits(0x7fff_ffff))).is_nan());
        assert_eq!(coarse(f32::NEG_INFINITY), 0xff80);
    }

    #[test]
    fn every_number_of_half_precision_is_widened_exactly() {
        for bits in 0..=u16::MAX {
            let x = f16::from_bits(bits);
            let found = half_to_single(x);
            assert!(found.to_bits() == x.to_f32().to_bits() || (found.is_nan() && x.is_nan()), "{bits:x}");
        }
    }

    #[test]
    fn rows_end_in_zeros() {
        let row: Vec<f32> = (0..70).map(|i| i as f32).collect();
        let mut lines = [Line([7; LINE]); 6];
        split_row(&row, Parts::Two, &mut lines);
        assert_eq!(lines[4].0[5], coarse(69.0));
        assert!(lines[4].0[6..].iter().chain(&lines[5].0).all(|x| *x == 0));
    }
}
