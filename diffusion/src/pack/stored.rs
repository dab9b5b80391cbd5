//! A tensor as it lies in a file, and its way into `f32`.

use half::{bf16, f16};
use safetensors::Dtype;

/// Where a tensor lies in its file, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// How its numbers are stored.
    pub(crate) dtype: Dtype,
    /// Extents.
    pub(crate) shape: Vec<usize>,
    /// Distance between neighbours along each axis in numbers, where they do not simply follow row by row.
    pub(crate) strides: Option<Vec<usize>>,
    /// First byte in the file.
    pub(crate) offset: u64,
    /// Bytes from the first number to the last.
    pub(crate) length: u64,
}

impl Stored {
    /// How many numbers it has.
    pub(crate) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Appends its numbers, row by row, to `out`; nothing for numbers that are not floating-point of 16 or 32 bits.
    pub(crate) fn numbers(&self, bytes: &[u8], out: &mut Vec<f32>) -> Option<()> {
        match self.dtype {
            Dtype::F32 => self.each(bytes.as_chunks::<4>().0, |b| f32::from_le_bytes(*b), out),
            Dtype::F16 => self.each(bytes.as_chunks::<2>().0, |b| f16::from_le_bytes(*b).to_f32(), out),
            Dtype::BF16 => self.each(bytes.as_chunks::<2>().0, |b| bf16::from_le_bytes(*b).to_f32(), out),
            _ => return None,
        }
        Some(())
    }

    /// Appends its bytes, row by row, to `out`, in the precision in which they are stored.
    pub(crate) fn bytes(&self, bytes: &[u8], out: &mut Vec<u8>) {
        let size = self.dtype.bitsize() / 8;
        self.places().for_each(|place| out.extend_from_slice(&bytes[place * size..][..size]));
    }

    fn each<T>(&self, numbers: &[T], convert: impl Fn(&T) -> f32, out: &mut Vec<f32>) {
        match self.strides {
            None => out.extend(numbers.iter().map(convert)),
            Some(_) => out.extend(self.places().map(|place| convert(&numbers[place]))),
        }
    }

    /// Where each number lies, in numbers from the first.
    fn places(&self) -> impl Iterator<Item = usize> {
        let strides = self.strides.clone().unwrap_or_else(|| row_by_row(&self.shape));
        let place = move |mut index: usize| {
            let along = self.shape.iter().zip(&strides).rev();
            along.fold(0, |place, (extent, stride)| {
                let at = index % extent;
                index /= extent;
                place + at * stride
            })
        };
        (0..self.count()).map(place)
    }
}

/// The strides of a tensor whose rows follow one another.
pub(crate) fn row_by_row(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_row_by_row_however_they_lie() {
        let columns = Stored { dtype: Dtype::F32, shape: vec![2, 3], strides: Some(vec![1, 2]), offset: 0, length: 24 };
        let bytes: Vec<u8> = [1.0f32, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut out = Vec::new();
        columns.numbers(&bytes, &mut out).unwrap();
        assert_eq!(out, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let mut raw = Vec::new();
        columns.bytes(&bytes, &mut raw);
        assert_eq!(raw, out.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>());
    }

    #[test]
    fn each_precision_is_read_and_whole_numbers_are_not() {
        let stored = |dtype| Stored { dtype, shape: vec![1], strides: None, offset: 0, length: 4 };
        for (dtype, bytes) in [
            (Dtype::F32, (-1.5f32).to_le_bytes().to_vec()),
            (Dtype::F16, f16::from_f32(-1.5).to_le_bytes().to_vec()),
            (Dtype::BF16, bf16::from_f32(-1.5).to_le_bytes().to_vec()),
        ] {
            let mut out = Vec::new();
            stored(dtype).numbers(&bytes, &mut out).unwrap();
            assert_eq!(out, [-1.5]);
        }
        assert!(stored(Dtype::I32).numbers(&[0; 4], &mut Vec::new()).is_none());
    }
}
