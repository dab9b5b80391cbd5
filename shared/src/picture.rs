//! Pictures in memory and the face box inside them.

use std::{fmt, str::FromStr};

use crate::{Error, Result};

/// An RGB picture, 8 bits a channel, rows from the top, no padding: `width * height * 3` bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl Picture {
    /// A picture of `width` x `height` pixels from interleaved RGB bytes.
    ///
    /// # Errors
    /// When the number of bytes does not fit the size.
    pub fn new(width: u32, height: u32, data: Vec<u8>) -> Result<Self> {
        let needed = width as usize * height as usize * 3;
        if data.len() != needed {
            return Err(Error::world(format!(
                "a picture of {width}x{height} pixels needs {needed} bytes, not {}",
                data.len()
            )));
        }
        Ok(Self { width, height, data })
    }

    /// A black picture.
    pub fn black(width: u32, height: u32) -> Self {
        Self { width, height, data: vec![0; width as usize * height as usize * 3] }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The bytes, RGB interleaved.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The bytes, for drawing.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The colour at column `x`, row `y`; nothing outside the picture.
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = (y as usize * self.width as usize + x as usize) * 3;
        Some([self.data[at], self.data[at + 1], self.data[at + 2]])
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}x{})", self.width, self.height)
    }
}

/// A rectangle around the face or a part of it, in pixels of the picture it was given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct FaceBox {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width, at least 1.
    pub w: u32,
    /// Height, at least 1.
    pub h: u32,
}

impl FaceBox {
    /// Checks that the box lies inside a picture of `width` x `height`.
    ///
    /// # Errors
    /// When any part of it lies outside.
    pub fn inside(self, width: u32, height: u32) -> Result<Self> {
        self.named_inside("face box", "--face", width, height)
    }

    /// As [`FaceBox::inside`], for a box that people know as `what` and give with `flag`.
    ///
    /// # Errors
    /// When any part of it lies outside.
    pub fn named_inside(self, what: &str, flag: &str, width: u32, height: u32) -> Result<Self> {
        let right = u64::from(self.x) + u64::from(self.w);
        let bottom = u64::from(self.y) + u64::from(self.h);
        if right > u64::from(width) || bottom > u64::from(height) {
            return Err(Error::order(format!(
                "the {what} {self} reaches outside the picture of {width}x{height} pixels"
            ))
            .mend(format!("give {flag} x,y,w,h in pixels of the upright picture")));
        }
        Ok(self)
    }
}

impl fmt::Display for FaceBox {
    /// As it is given: `x,y,w,h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.x, self.y, self.w, self.h)
    }
}

impl FromStr for FaceBox {
    type Err = Error;

    /// Reads `x,y,w,h`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::order(format!("\"{text}\" is not a face box"))
                .mend("give four whole numbers, x,y,w,h, with w and h at least 1")
        };
        let numbers: Vec<u32> =
            text.split(',').map(|part| part.trim().parse().map_err(|_| wrong())).collect::<Result<_>>()?;
        match numbers[..] {
            [x, y, w, h] if w > 0 && h > 0 => Ok(Self { x, y, w, h }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_knows_its_pixels() {
        let mut picture = Picture::black(3, 2);
        picture.data_mut()[(3 + 2) * 3] = 9;
        assert_eq!(picture.pixel(2, 1), Some([9, 0, 0]));
        assert_eq!(picture.pixel(3, 1), None);
        assert!(Picture::new(2, 2, vec![0; 11]).is_err());
    }

    #[test]
    fn face_boxes_are_read_and_checked() {
        let face: FaceBox = "1, 2,30,40".parse().unwrap();
        assert_eq!(face, FaceBox { x: 1, y: 2, w: 30, h: 40 });
        assert_eq!(face.to_string(), "1,2,30,40");
        assert!(face.inside(31, 42).is_ok());
        assert!(face.inside(30, 42).is_err());
        assert!(FaceBox { x: u32::MAX, ..face }.inside(31, 42).is_err());
        for text in ["1,2,3", "1,2,3,0", "a,b,c,d", "-1,2,3,4", "1,2,3,4,5"] {
            assert!(text.parse::<FaceBox>().is_err(), "{text}");
        }
    }
}
