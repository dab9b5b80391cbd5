//! Detection, alignment and embedding of drawn faces through ONNX files, against InsightFace's and OpenCV's own code.

use std::path::Path;

use safetensors::SafeTensors;
use serde::Deserialize;
use shared::FaceBox;

use super::*;
use crate::face::align::{self, Similarity};

/// What `make_fixtures.py` wrote.
#[derive(Deserialize)]
struct Expected {
    size: [u32; 2],
    faces: Vec<[f64; 4]>,
    insightface: Vec<Face>,
    opencv: Vec<Face>,
    similarity: [f64; 4],
}

#[derive(Deserialize)]
struct Face {
    edges: [f32; 4],
    score: f32,
    points: [[f32; 2]; 5],
}

fn expected() -> Expected {
    serde_json::from_str(include_str!("expected.json")).unwrap()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/face").join(name)
}

const SCRFD: &str = "scrfd.onnx";
const YUNET: &str = "yunet.onnx";

fn analysis(detector: Option<&str>) -> FaceAnalysis {
    let detector = detector.map(file);
    FaceAnalysis::open(&FaceFiles { detector, recogniser: Some(file("arcface.onnx")) }).unwrap()
}

/// Middles of the marks in radii of the disc, and their colours.
const MARKS: [([f64; 2], [u8; 3]); 5] = [
    ([-0.4, -0.3], [255, 0, 0]),
    ([0.4, -0.3], [0, 255, 0]),
    ([0.0, 0.1], [0, 0, 255]),
    ([-0.3, 0.5], [255, 255, 0]),
    ([0.3, 0.5], [255, 0, 255]),
];

/// The middles of a face's marks: middle and radius of the disc, turn in degrees.
fn marks([x, y, radius, turn]: [f64; 4]) -> [[f64; 2]; 5] {
    let (sin, cos) = turn.to_radians().sin_cos();
    MARKS.map(|([u, v], _)| [x + (cos * u - sin * v) * radius, y + (sin * u + cos * v) * radius])
}

/// The same picture that `make_fixtures.py` draws.
fn drawn([width, height]: [u32; 2], faces: &[[f64; 4]]) -> Picture {
    let mut picture = Picture::black(width, height);
    let mut disc = |x: f64, y: f64, radius: f64, colour: [u8; 3]| {
        for (i, pixel) in picture.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (px, py) = ((i as u32 % width) as f64, (i as u32 / width) as f64);
            if (px - x).powi(2) + (py - y).powi(2) <= radius.powi(2) {
                *pixel = colour;
            }
        }
    };
    for face in faces {
        disc(face[0], face[1], face[2], [255; 3]);
        for ([x, y], (_, colour)) in marks(*face).into_iter().zip(MARKS) {
            disc(x, y, 0.12 * face[2], colour);
        }
    }
    picture
}

/// Compares findings with others, which may stand in another order.
fn same(search: &FaceSearch, others: &[Face], size: [u32; 2]) {
    assert_eq!(search.faces().len(), others.len());
    for other in others {
        let box_of = |e: [f32; 4]| {
            let edge = |x: f32, most: u32| (x.round().max(0.0) as u32).min(most);
            let (x, y) = (edge(e[0], size[0]), edge(e[1], size[1]));
            FaceBox { x, y, w: edge(e[2], size[0]) - x, h: edge(e[3], size[1]) - y }
        };
        let face = box_of(other.edges);
        let found = search.faces().iter().find(|finding| finding.face == face);
        let found = found.unwrap_or_else(|| panic!("no {face} among {:?}", search.faces()));
        assert!((found.score - other.score).abs() < 1e-3, "{} and {}", found.score, other.score);
        for (a, b) in found.key_points.all().iter().zip(other.points) {
            let far = (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
            assert!(far < 0.1, "{a:?} and {b:?}");
        }
    }
}

#[test]
fn scrfd_finds_what_insightface_finds() {
    let expected = expected();
    let picture = drawn(expected.size, &expected.faces);
    let search = analysis(Some(SCRFD)).find(&picture).unwrap();
    assert_eq!(search.faces().len(), 3);
    same(&search, &expected.insightface, expected.size);
    let largest = search.faces()[0].face;
    assert!(largest.x < 260 && 260 < largest.x + largest.w, "the largest face comes first: {largest}");
}

#[test]
fn yunet_finds_what_opencv_finds() {
    let expected = expected();
    let picture = drawn(expected.size, &expected.faces);
    let search = analysis(Some(YUNET)).find(&picture).unwrap();
    same(&search, &expected.opencv, expected.size);
}

#[test]
fn faces_are_found_wherever_they_lie_and_however_they_are_turned() {
    for form in [SCRFD, YUNET] {
        let analysis = analysis(Some(form));
        for (size, face) in [
            ([300, 800], [140.0, 600.0, 80.0, 0.0]),
            ([1600, 500], [1300.0, 240.0, 120.0, 25.0]),
            ([200, 200], [95.0, 105.0, 30.0, -15.0]),
        ] {
            let search = analysis.find(&drawn(size, &[face])).unwrap();
            let [found] = search.faces() else { panic!("{form:?} {face:?}: {search:?}") };
            let middle = [found.face.x + found.face.w / 2, found.face.y + found.face.h / 2].map(f64::from);
            let near = 0.1 * face[2];
            assert!((middle[0] - face[0]).abs() < near && (middle[1] - face[1]).abs() < near, "{form:?}: {found:?}");
            assert!((f64::from(found.face.w) / 2.0 / face[2] - 1.0).abs() < 0.15, "{form:?} {face:?}: {found:?}");
            for (point, mark) in found.key_points.all().iter().zip(marks(face)) {
                let far = (f64::from(point[0]) - mark[0]).hypot(f64::from(point[1]) - mark[1]);
                assert!(far < 0.15 * face[2], "{form:?} {face:?}: {point:?} for {mark:?}");
            }
        }
        assert_eq!(analysis.find(&Picture::black(300, 200)).unwrap(), FaceSearch::Found(vec![]));
    }
}

#[test]
fn a_face_is_aligned_and_embedded_as_published() {
    let expected = expected();
    let picture = drawn(expected.size, &expected.faces);
    let points =
        KeyPoints::new(expected.insightface.iter().max_by(|a, b| width(a).total_cmp(&width(b))).unwrap().points);
    let onto = Similarity::between(&points.all(), &align::TEMPLATE).unwrap();
    let found = [onto.a, onto.b, onto.shift[0], onto.shift[1]];
    assert!(found.iter().zip(expected.similarity).all(|(a, b)| (a - b).abs() < 1e-4 * b.abs().max(1.0)), "{onto:?}");
    let portrait = Portrait { key_points: Some(points), ..Portrait::unknown(picture) };
    let embedding = analysis(None).embedding(&portrait).unwrap();
    let tensors = SafeTensors::deserialize(include_bytes!("expected.safetensors")).unwrap();
    let bytes = tensors.tensor("embedding").unwrap();
    let expected: Vec<f32> = bytes.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    assert!(relative(&embedding, &expected) < 5e-3, "{}", relative(&embedding, &expected));
}

fn width(face: &Face) -> f32 {
    face.edges[2] - face.edges[0]
}

/// Length of the difference over the length of the second.
fn relative(a: &[f32], b: &[f32]) -> f32 {
    let length = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| x * x).sum::<f32>().sqrt();
    length(&mut a.iter().zip(b).map(|(a, b)| a - b)) / length(&mut b.iter().copied())
}

#[test]
fn the_embedding_follows_the_face_and_not_its_place() {
    let analysis = analysis(Some(SCRFD));
    let embedding = |face| {
        let picture = drawn([640, 640], &[face]);
        let finding = analysis.find(&picture).unwrap().faces()[0];
        let portrait = Portrait { key_points: Some(finding.key_points), ..Portrait::with_face(picture, finding.face) };
        analysis.embedding(&portrait).unwrap()
    };
    let straight = embedding([320.0, 320.0, 200.0, 0.0]);
    for moved in [[280.0, 350.0, 180.0, 30.0], [360.0, 330.0, 150.0, -45.0]] {
        let far = relative(&embedding(moved), &straight);
        assert!(far < 0.25, "{moved:?}: {far}");
    }
    let whole = drawn([640, 640], &[[320.0, 320.0, 200.0, 0.0]]);
    let unaligned = analysis.embedding(&Portrait::with_face(whole, FaceBox { x: 0, y: 0, w: 640, h: 640 })).unwrap();
    assert!(relative(&unaligned, &straight) > 0.4, "{}", relative(&unaligned, &straight));
}

#[test]
fn what_a_pack_lacks_is_not_made_up() {
    let none = FaceAnalysis::default();
    let picture = Picture::black(112, 112);
    assert_eq!(none.find(&picture).unwrap(), FaceSearch::NoDetector);
    let face = Portrait::with_face(picture.clone(), FaceBox { x: 10, y: 10, w: 90, h: 90 });
    assert_eq!(none.embedding(&face).unwrap(), [0.0; 512]);
    assert_eq!(analysis(None).embedding(&Portrait::unknown(picture.clone())).unwrap(), [0.0; 512]);
    assert_ne!(analysis(None).embedding(&face).unwrap(), [0.0; 512], "key points are assumed in a face box");
    let one_place = Portrait { key_points: Some(KeyPoints::new([[5.0, 5.0]; 5])), ..Portrait::unknown(picture) };
    assert!(analysis(None).embedding(&one_place).unwrap_err().to_string().contains("one place"));
}

#[test]
fn files_that_do_not_fit_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let open = |path: PathBuf| {
        let opened = FaceAnalysis::open(&FaceFiles { detector: Some(path), recogniser: None });
        opened.err().expect("it must be refused").to_string()
    };
    let missing = open(dir.path().join("none.onnx"));
    assert!(missing.contains("none.onnx"), "{missing}");
    let words = dir.path().join("words.onnx");
    std::fs::write(&words, b"these are just words").unwrap();
    let error = open(words);
    assert!(error.contains("words.onnx") && error.contains('('), "{error}");
    let whole = std::fs::read(file("scrfd.onnx")).unwrap();
    let cut = dir.path().join("cut.onnx");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    assert!(open(cut).contains("cut.onnx"));
    let error = open(file("arcface.onnx"));
    assert!(error.contains("arcface.onnx has 1 outputs where SCRFD"), "{error}");
    let wrong = FaceFiles { detector: None, recogniser: Some(file("scrfd.onnx")) };
    let portrait = Portrait::with_face(Picture::black(112, 112), FaceBox { x: 0, y: 0, w: 112, h: 112 });
    let error = FaceAnalysis::open(&wrong).unwrap().embedding(&portrait).unwrap_err().to_string();
    assert!(error.contains("scrfd.onnx"), "{error}");
}
