//! Masks and their parts against OpenCV and Pillow (`make_fixtures.py`).

use safetensors::SafeTensors;

use super::*;

const EXPECTED: &[u8] = include_bytes!("expected.safetensors");

/// The cases of the fixture: name, edge of the picture, edge of the latent, regions.
fn cases(tensors: &SafeTensors<'_>) -> Vec<(String, usize, usize, Regions)> {
    let names = tensors.names().into_iter().filter_map(|name| name.strip_suffix(".sizes"));
    let case = |name: &str| {
        let bytes = tensors.tensor(&format!("{name}.sizes")).unwrap();
        let n: Vec<u32> = bytes.data().as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let at = |from: usize| FaceBox { x: n[from], y: n[from + 1], w: n[from + 2], h: n[from + 3] };
        (name.to_owned(), n[0] as usize, n[1] as usize, Regions { face: at(2), lips: at(6) })
    };
    names.map(case).collect()
}

#[test]
fn masks_are_those_of_the_published_arithmetic() {
    let tensors = SafeTensors::deserialize(EXPECTED).unwrap();
    let cases = cases(&tensors);
    assert_eq!(cases.len(), 6);
    for (name, size, latent, regions) in cases {
        let masks = RegionMasks::of_regions(&regions, size, latent);
        for (index, level) in masks.levels.iter().enumerate() {
            assert_eq!(level.edge, latent >> index);
            for (kind, found) in ["full", "face", "lip"].iter().zip(level.branches()) {
                let expected = tensors.tensor(&format!("{name}.{kind}.{index}")).unwrap();
                assert_eq!(found.len(), level.edge * level.edge);
                let found: Vec<u8> = found.iter().map(|x| (x * 255.0).round() as u8).collect();
                let worst = found.iter().zip(expected.data()).map(|(a, b)| a.abs_diff(*b)).max();
                assert_eq!(worst, Some(0), "{name}: mask {kind} at {}", level.edge);
            }
        }
    }
}

#[test]
fn a_face_that_fills_the_picture_is_a_face() {
    let whole = FaceBox { x: 0, y: 0, w: 512, h: 512 };
    let lips = FaceBox { x: 200, y: 300, w: 120, h: 60 };
    let [level, ..] = RegionMasks::of_regions(&Regions { face: whole, lips }, 512, 64).levels;
    assert!(level.full.iter().all(|x| *x == 0.0), "nothing is beside the face");
    assert!((level.face[0] - 1.0).abs() < 1e-6 && level.face[41 * 64 + 32] < 0.1, "all but the lips");
    assert!(level.lip.iter().any(|x| *x > 0.999));
}

#[test]
fn the_locator_sees_the_expanded_face_box() {
    let portrait = Portrait::with_face(shared::Picture::black(100, 100), FaceBox { x: 40, y: 20, w: 20, h: 50 });
    let mask = face_region(&portrait, &Settings::default());
    assert_eq!(mask.len(), 100 * 100);
    let ones: Vec<usize> = (0..mask.len()).filter(|i| mask[*i] > 0.0).collect();
    assert_eq!((ones.len(), ones[0], ones[ones.len() - 1]), (24 * 60, 1538, 7461));
    assert!(ones.iter().all(|i| (mask[*i] - 1.0).abs() < f32::EPSILON));
}
