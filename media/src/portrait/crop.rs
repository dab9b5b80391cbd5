//! The square crop around the face that the network works on.

use image::{RgbImage, imageops, imageops::FilterType};
use shared::{
    Error, FaceBox, Picture, Portrait, Result,
    face::{FACE_SHARE, KeyPoints},
    job::Settings,
};

/// A square inside of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Square {
    x: u32,
    y: u32,
    edge: u32,
}

/// Cuts a square around the face of `settings` out of `picture` and scales it to `size` x `size` pixels; everything that the
/// settings say about the face is mapped into the crop.
///
/// The face's longer edge takes about 60 % of the crop. The square is shifted to stay inside of the picture;
/// where it does not fit at all, it is the largest one, as near to the face's centre as can be. Without
/// a face box the largest square in the middle is taken.
///
/// # Errors
/// When a box lies outside of the picture, a region outside of the crop, or `size` is zero or above 8192.
pub fn crop_square(picture: &Picture, settings: &Settings, size: u32) -> Result<Portrait> {
    if size == 0 || size > super::LONGEST_EDGE {
        return Err(Error::order(format!("a crop of {size} pixels is out of range")).mend("choose 1 to 8192 pixels"));
    }
    let (width, height) = (picture.width(), picture.height());
    let face = settings.face.map(|face| face.inside(width, height)).transpose()?;
    let square = square(width, height, face);
    let region = |given: Option<FaceBox>, what: &str, flag: &str| {
        let Some(given) = given else { return Ok(None) };
        let region = given.named_inside(what, flag, width, height)?;
        if square.shows(region) {
            return Ok(Some(mapped(region, square, size)));
        }
        let Square { x, y, edge } = square;
        Err(Error::order(format!("the {what} {given} lies outside of the crop {x},{y},{edge},{edge} around the face"))
            .mend(format!("give {flag} a rectangle in the face, or --face the right one")))
    };
    Ok(Portrait {
        picture: scale(picture, square, size)?,
        face: face.map(|face| mapped(face, square, size)),
        key_points: settings.key_points.map(|points| mapped_points(&points, square, size)),
        face_region: region(settings.mask_face, "face region", "--mask-face")?,
        lip_region: region(settings.mask_lip, "lip region", "--mask-lip")?,
    })
}

fn square(width: u32, height: u32, face: Option<FaceBox>) -> Square {
    let largest = width.min(height);
    let (edge, centre_x, centre_y) = match face {
        Some(face) => {
            let wanted = (f64::from(face.w.max(face.h)) / FACE_SHARE).round() as u32;
            // Twice the centre, so that half pixels count.
            (
                wanted.clamp(1, largest),
                2 * i64::from(face.x) + i64::from(face.w),
                2 * i64::from(face.y) + i64::from(face.h),
            )
        }
        None => (largest, i64::from(width), i64::from(height)),
    };
    let place = |centre: i64, length: u32| {
        let start = (centre - i64::from(edge)).div_euclid(2);
        start.clamp(0, i64::from(length - edge)) as u32
    };
    Square { x: place(centre_x, width), y: place(centre_y, height), edge }
}

impl Square {
    /// Whether a pixel of `region` is in it.
    fn shows(self, region: FaceBox) -> bool {
        let meets = |start: u32, length: u32, from: u32| start < from + self.edge && from < start + length;
        meets(region.x, region.w, self.x) && meets(region.y, region.h, self.y)
    }
}

/// Points at pixel centres stay at the centres of what the pixels become.
fn mapped_points(points: &KeyPoints, square: Square, size: u32) -> KeyPoints {
    let scale = size as f32 / square.edge as f32;
    let place = |x: f32, origin: u32| (x + 0.5 - origin as f32) * scale - 0.5;
    points.map(|[x, y]| [place(x, square.x), place(y, square.y)])
}

/// The part of `face` that lies in the square, in pixels of the scaled crop.
fn mapped(face: FaceBox, square: Square, size: u32) -> FaceBox {
    let scale = f64::from(size) / f64::from(square.edge);
    let span = |start: u32, length: u32, origin: u32| {
        let from = (f64::from(start) - f64::from(origin)) * scale;
        let to = from + f64::from(length) * scale;
        let first = (from.round().max(0.0) as u32).min(size - 1);
        let last = (to.round().max(0.0) as u32).clamp(first + 1, size);
        (first, last - first)
    };
    let ((x, w), (y, h)) = (span(face.x, face.w, square.x), span(face.y, face.h, square.y));
    FaceBox { x, y, w, h }
}

fn scale(picture: &Picture, square: Square, size: u32) -> Result<Picture> {
    let row = picture.width() as usize * 3;
    let (from, to) = (square.x as usize * 3, (square.x + square.edge) as usize * 3);
    let rows = picture.data().chunks_exact(row).skip(square.y as usize).take(square.edge as usize);
    let cut: Vec<u8> = rows.flat_map(|line| &line[from..to]).copied().collect();
    if square.edge == size {
        return Picture::new(size, size, cut);
    }
    let Some(image) = RgbImage::from_raw(square.edge, square.edge, cut) else {
        return Err(Error::world("a crop does not fit its own size"));
    };
    // Lanczos keeps detail when shrinking; its ringing would show when a small face is blown up.
    let filter = if size < square.edge { FilterType::Lanczos3 } else { FilterType::CatmullRom };
    Picture::new(size, size, imageops::resize(&image, size, size, filter).into_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: u32, y: u32, w: u32, h: u32) -> FaceBox {
        FaceBox { x, y, w, h }
    }

    fn with(face: Option<FaceBox>) -> Settings {
        Settings { face, ..Settings::default() }
    }

    #[test]
    fn squares_stay_inside_the_picture() {
        let table = [
            (Some(at(400, 300, 120, 100)), Square { x: 360, y: 250, edge: 200 }),
            (Some(at(0, 0, 120, 120)), Square { x: 0, y: 0, edge: 200 }),
            (Some(at(880, 680, 120, 120)), Square { x: 800, y: 600, edge: 200 }),
            (Some(at(100, 100, 600, 600)), Square { x: 0, y: 0, edge: 800 }),
            (Some(at(500, 0, 500, 800)), Square { x: 200, y: 0, edge: 800 }),
            (None, Square { x: 100, y: 0, edge: 800 }),
        ];
        for (face, expected) in table {
            assert_eq!(square(1000, 800, face), expected, "{face:?}");
        }
    }

    #[test]
    fn the_face_takes_three_fifths_of_the_crop() {
        let picture = Picture::black(1000, 800);
        let crop = crop_square(&picture, &with(Some(at(400, 300, 120, 100))), 512).unwrap();
        crop.check(512).unwrap();
        assert_eq!(crop.face, Some(FaceBox { x: 102, y: 128, w: 308, h: 256 }));
        let crop = crop_square(&picture, &with(None), 256).unwrap();
        assert_eq!((crop.face, crop.face_or_middle()), (None, FaceBox { x: 51, y: 51, w: 154, h: 154 }));
    }

    #[test]
    fn the_crop_shows_what_lay_there() {
        let mut picture = Picture::black(300, 200);
        for y in 40..100usize {
            for x in 110..170usize {
                picture.data_mut()[(y * 300 + x) * 3..][..3].copy_from_slice(&[200, 100, 50]);
            }
        }
        for size in [64, 100, 400] {
            let crop = crop_square(&picture, &with(Some(at(110, 40, 60, 60))), size).unwrap();
            let face = crop.face.unwrap();
            assert_eq!(crop.picture.pixel(face.x + face.w / 2, face.y + face.h / 2), Some([200, 100, 50]));
            assert_eq!(crop.picture.pixel(1, 1), Some([0, 0, 0]));
        }
    }

    #[test]
    fn wide_faces_are_cut_to_the_crop() {
        let picture = Picture::black(1000, 100);
        let crop = crop_square(&picture, &with(Some(at(100, 0, 800, 100))), 64).unwrap();
        assert_eq!(crop.face, Some(FaceBox { x: 0, y: 0, w: 64, h: 64 }));
    }

    #[test]
    fn boxes_outside_are_refused() {
        let picture = Picture::black(100, 100);
        assert!(crop_square(&picture, &with(Some(at(50, 50, 51, 10))), 64).is_err());
        assert!(crop_square(&picture, &with(None), 0).is_err());
    }

    #[test]
    fn key_points_and_regions_go_with_the_crop() {
        let mut picture = Picture::black(1000, 800);
        picture.data_mut()[(330 * 1000 + 420) * 3] = 255;
        let face = at(400, 300, 120, 100);
        let points = KeyPoints::assumed_in(face).map(|_| [420.0, 330.0]);
        let lip = at(430, 370, 60, 20);
        let settings = Settings { key_points: Some(points), mask_lip: Some(lip), ..with(Some(face)) };
        let crop = crop_square(&picture, &settings, 600).unwrap();
        // The square is 360,250 and 200 wide, so that each pixel becomes 3x3: the lone bright one lies around the point.
        let [x, y] = crop.key_points.unwrap().nose;
        assert_eq!((x, y), (181.0, 241.0));
        assert!(crop.picture.pixel(181, 241).unwrap()[0] > 200, "{:?}", crop.picture.pixel(181, 241));
        assert_eq!((crop.lip_region, crop.face_region), (Some(at(210, 360, 180, 60)), None));
        let away = Settings { mask_lip: Some(at(0, 0, 300, 200)), ..settings.clone() };
        let error = crop_square(&picture, &away, 600).unwrap_err().to_string();
        assert!(error.contains("0,0,300,200") && error.contains("--mask-lip"), "{error}");
        let outside = Settings { mask_face: Some(at(990, 0, 30, 30)), ..settings };
        let error = crop_square(&picture, &outside, 600).unwrap_err().to_string();
        assert!(error.contains("990,0,30,30") && error.contains("--mask-face"), "{error}");
    }
}
