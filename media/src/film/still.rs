//! One picture out of a film.

use std::{io::Cursor, path::Path};

use image::{DynamicImage, ImageFormat, RgbImage, imageops::FilterType};
use shared::{Error, Result};

use super::decode;

/// The first frame of the film at `path` as a PNG whose edges are at most `edge` pixels; smaller films stay as they are.
///
/// # Errors
/// When the file is no film, or its first frame does not decode.
pub fn first_frame_png(path: &Path, edge: u32) -> Result<Vec<u8>> {
    let mut first = None;
    let stopped = decode(path, |_, picture| {
        first = Some(picture.clone());
        // One frame is enough; the decoder is told by an error, which is no failure here.
        Err(Error::stopped())
    });
    let Some(picture) = first else {
        stopped?;
        return Err(Error::order(format!("{} has no frames", path.display())));
    };
    let (width, height) = (picture.width(), picture.height());
    let broken = || Error::world(format!("the first frame of {} cannot be kept", path.display()));
    let whole = RgbImage::from_raw(width, height, picture.data().to_vec()).ok_or_else(broken)?;
    let mut image = DynamicImage::ImageRgb8(whole);
    if width > edge || height > edge {
        image = image.resize(edge, edge, FilterType::Triangle);
    }
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).map_err(|e| broken().from_source(e))?;
    Ok(png.into_inner())
}
