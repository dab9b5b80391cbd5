//! Held-out sets: portraits and speech that no training saw, with what is known of them.

use std::path::{Path, PathBuf};

use shared::{Error, FaceBox, Result, measure::head::Share};

/// Cases in a set at most.
const MOST: usize = 1000;

/// Bytes of a truth at most; an hour of it has fewer.
const MOST_BYTES: u64 = 64 << 20;

/// What is known of a case, as `truth_….json` has it. Whatever else stands there is for people.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Truth {
    /// File of the portrait, beside this one.
    pub(super) portrait: PathBuf,
    /// File of the speech, beside this one.
    pub(super) speech: PathBuf,
    /// White where no head and no hair is ever seen; beside this one.
    #[serde(default)]
    pub(super) mask: Option<PathBuf>,
    /// Frames a second of what follows.
    pub(super) fps: f64,
    /// Crown to chin and cheek to cheek, head at rest.
    pub(super) face_box: Share,
    /// Around lips and opening, head at rest.
    pub(super) mouth_box: Share,
    /// Around lids, white and iris of each eye, head at rest.
    #[serde(default)]
    pub(super) eye_boxes: Option<[Share; 2]>,
    /// How far the mouth is open in each frame; nothing for speech that somebody recorded.
    #[serde(default)]
    pub(super) mouth_open: Option<Vec<f64>>,
    /// Spans in seconds in which the mouth is shut.
    #[serde(default)]
    pub(super) silence: Option<Vec<[f64; 2]>>,
    /// Colours of what is seen in an open mouth.
    #[serde(default)]
    pub(super) mouth_colours: Vec<[f64; 3]>,
    /// Yaw, pitch and roll of each frame in degrees, where the frames were drawn with it.
    #[serde(default)]
    pub(super) pose: Option<Vec<[f64; 3]>>,
    /// How far the lids are shut in each frame, 0 to 1, where the frames were drawn with it.
    #[serde(default)]
    pub(super) blink: Option<Vec<f64>>,
}

/// A case of a set.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// What people call it: the name of its file without `truth_` and `.json`.
    pub(super) name: String,
    /// The portrait's file.
    pub(super) portrait: PathBuf,
    /// The speech's file.
    pub(super) speech: PathBuf,
    /// The mask's file.
    pub(super) mask: Option<PathBuf>,
    /// What is known.
    pub(super) truth: Truth,
}

impl Case {
    /// Reads the case whose truth is at `path`.
    ///
    /// # Errors
    /// When the file cannot be read or says what cannot be.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let wrong = |what: &str| Error::order(format!("{}: {what}", path.display()));
        let mend = "write the case anew with the recipe in training/";
        let unread = |e: std::io::Error| wrong("cannot be read").from_source(e).mend("name a truth_….json of a set");
        if std::fs::metadata(path).map_err(unread)?.len() > MOST_BYTES {
            return Err(wrong("is too large for the truth of a case").mend(mend));
        }
        let text = std::fs::read_to_string(path).map_err(unread)?;
        let truth: Truth =
            serde_json::from_str(&text).map_err(|e| wrong("is not the truth of a case").from_source(e).mend(mend))?;
        if let Some(fault) = truth.fault() {
            return Err(wrong(&fault).mend(mend));
        }
        let beside = |file: &Path| path.parent().unwrap_or(Path::new(".")).join(file);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Self {
            name: stem.strip_prefix("truth_").unwrap_or(&stem).to_owned(),
            portrait: beside(&truth.portrait),
            speech: beside(&truth.speech),
            mask: truth.mask.as_deref().map(beside),
            truth,
        })
    }
}

impl Truth {
    fn fault(&self) -> Option<String> {
        let inside = |b: &Share| {
            b.iter().all(|x| (-1.0..=2.0).contains(x)) && b[2] > 0.0 && b[3] > 0.0 && b[0] < 1.0 && b[1] < 1.0
        };
        let boxes = [("face_box", Some(&self.face_box)), ("mouth_box", Some(&self.mouth_box))];
        let eyes = self.eye_boxes.iter().flatten().map(|eye| ("eye_boxes", Some(eye)));
        let bad = boxes.into_iter().chain(eyes).find(|(_, b)| b.is_none_or(|b| !inside(b)));
        if let Some((key, _)) = bad {
            return Some(format!("{key}: x, y, width and height in units of the edge"));
        }
        let finite = |all: &Option<Vec<f64>>| all.iter().flatten().all(|x| x.is_finite());
        let rules = [
            ((1.0..=240.0).contains(&self.fps), "fps: 1 to 240"),
            (finite(&self.mouth_open), "mouth_open: numbers"),
            (finite(&self.blink), "blink: numbers"),
            (self.silence.iter().flatten().all(|[from, to]| from <= to), "silence: spans from a second to a later one"),
            (self.pose.iter().flatten().flatten().all(|x| x.is_finite()), "pose: numbers"),
        ];
        rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| (*rule).to_owned())
    }

    /// The face box in a picture of this size.
    pub(super) fn face(&self, width: u32, height: u32) -> FaceBox {
        pixels(&self.face_box, width, height)
    }
}

/// A rectangle in pixels, cut to the picture.
pub(super) fn pixels(share: &Share, width: u32, height: u32) -> FaceBox {
    let span = |from: f64, length: f64, edge: u32| {
        let low = (from * f64::from(edge)).floor().clamp(0.0, f64::from(edge - 1)) as u32;
        let high = ((from + length) * f64::from(edge)).ceil().clamp(f64::from(low + 1), f64::from(edge)) as u32;
        (low, high - low)
    };
    let ((x, w), (y, h)) = (span(share[0], share[2], width), span(share[1], share[3], height));
    FaceBox { x, y, w, h }
}

/// The cases of the set in `dir`, in the order of their names.
///
/// # Errors
/// When the folder cannot be read or has no cases, or a case cannot be read.
pub(super) fn read(dir: &Path) -> Result<Vec<Case>> {
    let unread = |e: std::io::Error| Error::order(format!("the set {} cannot be read", dir.display())).from_source(e);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("truth_") && path.extension().is_some_and(|end| end == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() || paths.len() > MOST {
        let message = format!("{} has {} files truth_….json; a set has 1 to {MOST}", dir.display(), paths.len());
        return Err(Error::order(message).mend("name a folder that the recipe in training/ wrote"));
    }
    paths.iter().map(|path| Case::read(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: &str = r#"{"portrait": "p.png", "speech": "s.wav", "fps": 25, "face_box": [0.2, 0.1, 0.5, 0.7],
        "mouth_box": [0.4, 0.6, 0.2, 0.1], "mouth_open": [0, 0.01], "silence": [[0.0, 0.5]], "text": "for people"}"#;

    #[test]
    fn a_set_is_read_in_order_and_its_files_lie_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["truth_b.json", "truth_a.json", "other.json", "truth_c.txt"] {
            std::fs::write(dir.path().join(name), TRUTH).unwrap();
        }
        let cases = read(dir.path()).unwrap();
        assert_eq!(cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(cases[0].portrait, dir.path().join("p.png"));
        assert_eq!(cases[0].truth.face(100, 200), FaceBox { x: 20, y: 20, w: 50, h: 140 });
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let none = read(dir.path()).unwrap_err();
        assert!(none.to_string().contains("0 files") && none.mending().is_some(), "{none}");
        let path = dir.path().join("truth_0.json");
        for (from, to, named) in [
            ("\"fps\": 25", "\"fps\": 0", "fps"),
            ("[0.4, 0.6, 0.2, 0.1]", "[0.4, 0.6, 0.0, 0.1]", "mouth_box"),
            ("[[0.0, 0.5]]", "[[0.5, 0.0]]", "silence"),
            ("\"portrait\": \"p.png\",", "", "not the truth"),
        ] {
            std::fs::write(&path, TRUTH.replace(from, to)).unwrap();
            let error = read(dir.path()).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("truth_0.json"), "{error}");
        }
        std::fs::File::create(&path).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert!(read(dir.path()).unwrap_err().to_string().contains("too large"));
    }

    #[test]
    fn boxes_at_the_rim_stay_inside() {
        assert_eq!(pixels(&[0.9, -0.1, 0.5, 0.2], 10, 10), FaceBox { x: 9, y: 0, w: 1, h: 1 });
    }
}
