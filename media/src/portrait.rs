//! The portrait: reading it from a file and cropping it around the face.

mod crop;
mod header;

pub use crop::crop_square;

use std::{
    io::{BufReader, Cursor, Read},
    path::Path,
};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageResult, Limits, RgbImage,
    codecs::{jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder},
};
use shared::{Error, Picture, Result};

use crate::{fault, input};
use header::Kind;

/// Shortest edge in pixels; a face in less has no features.
pub const SHORTEST_EDGE: u32 = 64;
/// Longest edge in pixels.
pub const LONGEST_EDGE: u32 = 8192;
/// Most pixels in all.
pub const MOST_PIXELS: u64 = 40_000_000;
/// Most bytes of a file; no picture within the other limits needs as many.
const MOST_BYTES: u64 = 256 << 20;

/// Reads a portrait from a JPEG, PNG or WebP file: upright (the EXIF orientation is applied), RGB, 8 bits a
/// channel. Grey and 16-bit pictures are converted; what is transparent shows white, as on paper.
///
/// # Errors
/// When the file is missing, no picture of these kinds, animated, CMYK, cut off, or its size is
/// outside of the limits above; the size is judged by the header, before memory is taken.
pub fn load(path: &Path) -> Result<Picture> {
    let file = input::regular_file(path)?;
    let mut bytes = Vec::new();
    BufReader::new(file).take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| fault::reading(path, error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(refuse(path, "is larger than 256 MiB", "save it smaller, for instance as a JPEG"));
    }
    let image = match header::kind(&bytes) {
        Some(Kind::Jpeg) => jpeg(path, &bytes),
        Some(Kind::Png) => png(path, &bytes),
        Some(Kind::Webp) => webp(path, &bytes),
        Some(Kind::Gif) => Err(refuse(path, "is a GIF", "save one picture of it as PNG")),
        None => Err(refuse(path, "is not a JPEG, PNG or WebP picture", "save the portrait as JPEG or PNG")),
    }?;
    let rgb = over_white(image);
    Picture::new(rgb.width(), rgb.height(), rgb.into_raw())
}

fn jpeg(path: &Path, bytes: &[u8]) -> Result<DynamicImage> {
    let header = header::jpeg(bytes);
    if let Some(frame) = header.frame {
        check_size(path, frame.width, frame.height)?;
        if frame.components == 4 {
            return Err(refuse(path, "is a CMYK picture for printing", "convert it to RGB"));
        }
    }
    if !header.ends {
        return Err(refuse(path, "is cut off", "copy the file again"));
    }
    decode(path, JpegDecoder::new(Cursor::new(bytes)))
}

fn png(path: &Path, bytes: &[u8]) -> Result<DynamicImage> {
    if let Some((width, height)) = header::png_size(bytes) {
        check_size(path, width, height)?;
    }
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits());
    if decoder.as_ref().is_ok_and(|png| png.is_apng().unwrap_or(false)) {
        return Err(refuse(path, "is animated", "save one picture of it"));
    }
    decode(path, decoder)
}

fn webp(path: &Path, bytes: &[u8]) -> Result<DynamicImage> {
    let decoder = WebPDecoder::new(Cursor::new(bytes));
    if decoder.as_ref().is_ok_and(WebPDecoder::has_animation) {
        return Err(refuse(path, "is animated", "save one picture of it"));
    }
    decode(path, decoder)
}

fn decode<D: ImageDecoder>(path: &Path, decoder: ImageResult<D>) -> Result<DynamicImage> {
    let broken = |error: ImageError| refuse(path, "is damaged or cut off", "save it again").from_source(error);
    let mut decoder = decoder.map_err(broken)?;
    let (width, height) = decoder.dimensions();
    check_size(path, width, height)?;
    decoder.set_limits(limits()).map_err(broken)?;
    // A portrait without a readable orientation is upright.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn check_size(path: &Path, width: u32, height: u32) -> Result<()> {
    let size = format!("has {width}x{height} pixels");
    if width.min(height) < SHORTEST_EDGE {
        return Err(refuse(path, &size, "give a portrait of at least 64x64 pixels; 512x512 is a good size"));
    }
    if width.max(height) > LONGEST_EDGE || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(refuse(path, &size, "make it smaller: at most 8192 pixels an edge and 40 million in all"));
    }
    Ok(())
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_EDGE);
    limits.max_image_height = Some(LONGEST_EDGE);
    limits.max_alloc = Some(MOST_PIXELS * 8 + MOST_BYTES);
    limits
}

fn over_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let rgba = image.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        image::Rgb([r, g, b].map(|colour| {
            let mixed = u32::from(colour) * u32::from(a) + 255 * (255 - u32::from(a));
            ((mixed + 127) / 255) as u8
        }))
    })
}

fn refuse(path: &Path, what: &str, mend: &str) -> Error {
    Error::order(format!("{} {what}", path.display())).mend(mend)
}
