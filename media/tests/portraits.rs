//! Portraits: upright, RGB, within limits; everything else is refused with a mend.

use std::{
    fs::{self, File},
    io::Cursor,
    path::{Path, PathBuf},
};

use image::{
    DynamicImage, ExtendedColorType, ImageBuffer, ImageEncoder, Rgb, RgbImage,
    codecs::{gif::GifEncoder, jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use media::portrait;
use shared::{Picture, error::Cause};

const RED: [u8; 3] = [200, 30, 30];
const GREEN: [u8; 3] = [30, 180, 40];
const BLUE: [u8; 3] = [30, 40, 200];

/// 96 x 64 pixels: the top left quarter red, the rest of the top green, the bottom blue.
fn flag() -> RgbImage {
    RgbImage::from_fn(96, 64, |x, y| {
        Rgb(match (x < 48, y < 32) {
            (true, true) => RED,
            (false, true) => GREEN,
            _ => BLUE,
        })
    })
}

/// An EXIF block with nothing but the orientation (TIFF 6.0, tag 0x0112), in either byte order.
fn exif(orientation: u8, big: bool) -> Vec<u8> {
    if big {
        let mut bytes = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        bytes.extend([orientation, 0, 0, 0, 0, 0, 0]);
        bytes
    } else {
        let mut bytes = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        bytes.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }
}

/// What a camera held that way has stored: the pixels that show [`flag`] once the orientation is applied.
fn stored(orientation: u8) -> RgbImage {
    use image::imageops::{flip_horizontal, flip_vertical, rotate90, rotate180, rotate270};
    let upright = flag();
    match orientation {
        2 => flip_horizontal(&upright),
        3 => rotate180(&upright),
        4 => flip_vertical(&upright),
        // Transposition undoes itself: mirror, then turn.
        5 => rotate270(&flip_horizontal(&upright)),
        6 => rotate270(&upright),
        7 => rotate90(&flip_horizontal(&upright)),
        8 => rotate90(&upright),
        _ => upright,
    }
}

fn near(picture: &Picture, x: u32, y: u32, expected: [u8; 3]) {
    let found = picture.pixel(x, y).unwrap();
    let off = found.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max().unwrap();
    assert!(off <= 8, "{expected:?} became {found:?} at {x},{y}");
}

fn shows_the_flag(path: &Path) {
    let picture = portrait::load(path).unwrap();
    assert_eq!((picture.width(), picture.height()), (96, 64));
    near(&picture, 10, 10, RED);
    near(&picture, 85, 10, GREEN);
    near(&picture, 10, 55, BLUE);
    near(&picture, 85, 55, BLUE);
}

fn save(folder: &Path, name: &str, encoder: impl FnOnce(File) -> image::ImageResult<()>) -> PathBuf {
    let path = folder.join(name);
    encoder(File::create(&path).unwrap()).unwrap();
    path
}

#[test]
fn every_orientation_is_turned_upright() {
    let folder = tempfile::tempdir().unwrap();
    for orientation in 1..=8 {
        for big in [false, true] {
            let image = stored(orientation);
            let jpeg = save(folder.path(), "a.jpg", |file| {
                let mut encoder = JpegEncoder::new_with_quality(file, 95);
                encoder.set_exif_metadata(exif(orientation, big)).unwrap();
                encoder.encode_image(&image)
            });
            shows_the_flag(&jpeg);
            let png = save(folder.path(), "a.png", |file| {
                let mut encoder = PngEncoder::new(file);
                encoder.set_exif_metadata(exif(orientation, big)).unwrap();
                encoder.write_image(&image, image.width(), image.height(), ExtendedColorType::Rgb8)
            });
            shows_the_flag(&png);
            let webp = save(folder.path(), "a.webp", |file| {
                let mut encoder = WebPEncoder::new_lossless(file);
                encoder.set_exif_metadata(exif(orientation, big)).unwrap();
                encoder.encode(&image, image.width(), image.height(), ExtendedColorType::Rgb8)
            });
            shows_the_flag(&webp);
        }
    }
}

#[test]
fn the_name_of_a_file_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portrait.jpg");
    flag().save_with_format(&path, image::ImageFormat::Png).unwrap();
    shows_the_flag(&path);
}

#[test]
fn grey_deep_and_transparent_pictures_become_rgb() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let check = |image: DynamicImage, expected: [u8; 3]| {
        image.save(&path).unwrap();
        near(&portrait::load(&path).unwrap(), 5, 5, expected);
    };
    check(DynamicImage::ImageLuma8(ImageBuffer::from_pixel(64, 64, image::Luma([77]))), [77; 3]);
    check(DynamicImage::ImageLuma16(ImageBuffer::from_pixel(64, 64, image::Luma([0x4d4d]))), [77; 3]);
    let deep = Rgb([200 * 257, 30 * 257, 30 * 257]);
    check(DynamicImage::ImageRgb16(ImageBuffer::from_pixel(64, 64, deep)), RED);
    check(DynamicImage::ImageRgba8(ImageBuffer::from_pixel(64, 64, image::Rgba([200, 30, 30, 255]))), RED);
    check(DynamicImage::ImageRgba8(ImageBuffer::from_pixel(64, 64, image::Rgba([200, 30, 30, 0]))), [255; 3]);
    check(DynamicImage::ImageRgba8(ImageBuffer::from_pixel(64, 64, image::Rgba([0, 0, 0, 128]))), [127; 3]);
    check(DynamicImage::ImageLumaA8(ImageBuffer::from_pixel(64, 64, image::LumaA([0, 51]))), [204; 3]);
}

fn refused(path: &Path, reason: &str) {
    let error = portrait::load(path).expect_err(reason);
    let text = error.to_string();
    assert_eq!(error.cause(), Cause::Order, "{text}");
    assert!(text.contains(path.file_name().unwrap().to_str().unwrap()), "{text}");
    assert!(text.contains(reason), "expected \"{reason}\": {text}");
    assert!(error.mending().is_some(), "{text}");
}

fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    RgbImage::new(width, height).write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

/// A PNG that ends after a header for so many pixels: whoever believes it takes gigabytes.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat()));
    bytes
}

fn chunk(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let crc = [kind, body].concat().iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    [&(body.len() as u32).to_be_bytes()[..], kind, body, &(!crc).to_be_bytes()].concat()
}

/// The header of a JPEG of so many pixels and components, without its picture.
fn jpeg_header(width: u16, height: u16, components: u8) -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x02\xff\xc0\0".to_vec();
    bytes.push(8 + 3 * components);
    bytes.push(8);
    bytes.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
    bytes.push(components);
    (1..=components).for_each(|id| bytes.extend([id, 0x11, 0]));
    bytes.extend(b"\xff\xda\0\x02\xff\xd9");
    bytes
}

/// A WebP whose header says that it is so many pixels large, and perhaps animated (WebP container, "Extended File Format").
fn webp_header(edge: u32, animated: bool) -> Vec<u8> {
    let edge = &(edge - 1).to_le_bytes()[..3];
    let mut body = [b"WEBPVP8X\x0a\0\0\0", &[u8::from(animated) << 1, 0, 0, 0][..], edge, edge].concat();
    let mut still = Vec::new();
    WebPEncoder::new_lossless(&mut still).encode(&flag(), 96, 64, ExtendedColorType::Rgb8).unwrap();
    let picture = &still[12..];
    if animated {
        body.extend(b"ANIM\x06\0\0\0\xff\xff\xff\xff\0\0ANMF");
        body.extend((16 + picture.len() as u32).to_le_bytes());
        body.extend([0, 0, 0, 0, 0, 0, 95, 0, 0, 63, 0, 0, 100, 0, 0, 0]);
    }
    body.extend(picture);
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

#[test]
fn what_is_no_portrait_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: &[u8], reason: &str| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        refused(&path, reason);
    };
    refused(&folder.path().join("missing.png"), "does not exist");
    fs::create_dir(folder.path().join("folder.png")).unwrap();
    refused(&folder.path().join("folder.png"), "is a directory");
    check("empty.png", b"", "is empty");
    check("letter.jpg", b"Dear Sir or Madam", "is not a JPEG, PNG or WebP picture");
    check("sound.png", b"RIFF\0\0\0\0WAVEfmt ", "is not a JPEG, PNG or WebP picture");
    check("dot.png", &png_of(1, 1), "has 1x1 pixels");
    check("thin.png", &png_of(63, 500), "has 63x500 pixels");
    check("wide.png", &png_header(8193, 100), "has 8193x100 pixels");
    check("huge.png", &png_header(20_000, 20_000), "has 20000x20000 pixels");
    check("large.png", &png_header(7000, 7000), "has 7000x7000 pixels");
    check("huge.jpg", &jpeg_header(20_000, 20_000, 3), "has 20000x20000 pixels");
    check("huge.webp", &webp_header(16_000, false), "has 16000x16000 pixels");
    check("print.jpg", &jpeg_header(512, 512, 4), "is a CMYK picture");
    check("moving.webp", &webp_header(96, true), "is animated");
    let cut = png_of(200, 200);
    check("cut.png", &cut[..cut.len() / 2], "damaged or cut off");
    let mut moving = png_of(64, 64);
    // The animation's chunk stands between the header and the data.
    moving.splice(33..33, chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]));
    check("moving.png", &moving, "is animated");
}

#[test]
fn gifs_and_broken_jpegs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let frame = || image::Frame::new(DynamicImage::from(flag()).into_rgba8());
    let gif = save(folder.path(), "moving.gif", |file| GifEncoder::new(file).encode_frames([frame(), frame()]));
    refused(&gif, "is a GIF");
    let jpeg = folder.path().join("cut.jpg");
    flag().save(&jpeg).unwrap();
    let bytes = fs::read(&jpeg).unwrap();
    fs::write(&jpeg, &bytes[..bytes.len() - 200]).unwrap();
    refused(&jpeg, "is cut off");
}
