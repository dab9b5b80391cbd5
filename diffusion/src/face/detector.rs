//! A detector: a picture in, faces out.

use std::path::Path;

use shared::{
    Picture, Result,
    face::{FaceFinding, KeyPoints},
};

use super::{
    letterbox::Letterbox,
    onnx::{Onnx, Output},
    scrfd,
    suppress::{Candidate, suppressed},
    yunet,
};

/// Whose outputs a detector's file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// SCRFD of `InsightFace`.
    Scrfd,
    /// `YuNet` of OpenCV's model zoo.
    Yunet,
}

impl Form {
    /// The form of a file, whatever its name: SCRFD with key points has three outputs for each of three strides, `YuNet` four.
    ///
    /// # Errors
    /// When it has another number of outputs.
    fn of(onnx: &Onnx) -> Result<Self> {
        match onnx.outputs() {
            9 => Ok(Self::Scrfd),
            12 => Ok(Self::Yunet),
            count => {
                Err(onnx.refuse(&format!("has {count} outputs where SCRFD with key points has nine, and YuNet twelve")))
            }
        }
    }
}

/// A detector's network, in memory (17 MB for the largest of the known ones).
pub(super) struct Detector {
    form: Form,
    onnx: Onnx,
    edge: usize,
}

impl Detector {
    /// Reads a detector's file.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let onnx = Onnx::load(path)?;
        let form = Form::of(&onnx)?;
        let edge = onnx.edge()?.unwrap_or(scrfd::EDGE);
        Ok(Self { form, onnx, edge })
    }

    /// The faces in a picture, in no particular order.
    ///
    /// # Errors
    /// When the file's outputs are not those of its form.
    pub(super) fn find(&self, picture: &Picture) -> Result<Vec<FaceFinding>> {
        let boxed = Letterbox::new(picture, self.edge);
        let candidates = match self.form {
            Form::Scrfd => {
                let outputs = self.onnx.run(&boxed.planes([0, 1, 2], |x| (x - 127.5) / 128.0), self.edge)?;
                suppressed(self.scrfd(&outputs)?, scrfd::MOST_OVERLAP, 1.0)
            }
            Form::Yunet => {
                let outputs = self.onnx.run(&boxed.planes([2, 1, 0], |x| x), self.edge)?;
                suppressed(self.yunet(&outputs)?, yunet::MOST_OVERLAP, 0.0)
            }
        };
        let size = (picture.width(), picture.height());
        let finding = |candidate: &Candidate| {
            let points = KeyPoints::new(candidate.points.map(|point| point.map(|x| x / boxed.scale)));
            FaceFinding::new(candidate.edges.map(|x| x / boxed.scale), &points, candidate.score, size)
        };
        Ok(candidates.iter().filter_map(finding).collect())
    }

    fn scrfd(&self, outputs: &[Output]) -> Result<Vec<Candidate>> {
        let [s8, s16, s32, d8, d16, d32, k8, k16, k32] = outputs else {
            let what = format!("has {} outputs where SCRFD with key points has nine", outputs.len());
            return Err(self.onnx.refuse(&what));
        };
        let mut found = Vec::new();
        for (stride, scores, distances, offsets) in [(8, s8, d8, k8), (16, s16, d16, k16), (32, s32, d32, k32)] {
            let anchors = scrfd::anchors(self.edge, stride);
            let grid = scrfd::Grid {
                stride,
                scores: self.onnx.expect(scores, anchors)?,
                distances: self.onnx.expect(distances, anchors * 4)?,
                offsets: self.onnx.expect(offsets, anchors * 10)?,
            };
            found.extend(scrfd::candidates(&grid, self.edge));
        }
        Ok(found)
    }

    fn yunet(&self, outputs: &[Output]) -> Result<Vec<Candidate>> {
        let mut found = Vec::new();
        for stride in scrfd::STRIDES {
            let places = (self.edge / stride) * (self.edge / stride);
            let take = |(kind, numbers): (&str, usize)| {
                let name = format!("{kind}_{stride}");
                let output = outputs.iter().find(|output| output.name == name);
                let output = output.ok_or_else(|| self.onnx.refuse(&format!("has no output \"{name}\" of YuNet's")))?;
                self.onnx.expect(output, places * numbers)
            };
            let [faces, things, boxes, offsets] = yunet::KINDS;
            let grid = yunet::Grid {
                stride,
                faces: take(faces)?,
                things: take(things)?,
                boxes: take(boxes)?,
                offsets: take(offsets)?,
            };
            found.extend(yunet::candidates(&grid, self.edge));
        }
        Ok(found)
    }
}
