//! What a pack brings for faces, ready to use.

use std::path::PathBuf;

use shared::{
    Picture, Portrait, Result,
    face::{FaceSearch, KeyPoints},
};

use super::{FaceFiles, arcface, detector::Detector};

/// A detector and a recogniser, each only where the pack has one.
#[derive(Default)]
pub struct FaceAnalysis {
    detector: Option<Detector>,
    recogniser: Option<PathBuf>,
}

impl FaceAnalysis {
    /// Reads the detector; the recogniser, which is large and used once a job, is read when it is asked.
    ///
    /// # Errors
    /// When the detector's file cannot be used.
    pub fn open(files: &FaceFiles) -> Result<Self> {
        let detector = files.detector.as_deref().map(Detector::load).transpose()?;
        Ok(Self { detector, recogniser: files.recogniser.clone() })
    }

    /// Looks for faces in an upright picture.
    ///
    /// # Errors
    /// When the detector's outputs are not those of its form.
    pub fn find(&self, picture: &Picture) -> Result<FaceSearch> {
        match &self.detector {
            Some(detector) => Ok(FaceSearch::found(detector.find(picture)?)),
            None => Ok(FaceSearch::NoDetector),
        }
    }

    /// The embedding of the portrait's face, 512 numbers, not normalised; zeros, which the published network takes for "no face known",
    /// where the pack has no recogniser or nobody knows the face.
    ///
    /// Where the face was given by hand and no detector saw it, its key points are assumed at their usual places.
    ///
    /// # Errors
    /// When the recogniser's file cannot be used.
    pub fn embedding(&self, portrait: &Portrait) -> Result<Vec<f32>> {
        let points = portrait.key_points.or_else(|| portrait.face.map(KeyPoints::assumed_in));
        match (&self.recogniser, points) {
            (Some(file), Some(points)) => arcface::embedding(file, &portrait.picture, &points),
            _ => Ok(vec![0.0; arcface::WIDTH]),
        }
    }
}

#[cfg(test)]
#[path = "../../tests/face/analysis.rs"]
mod tests;
