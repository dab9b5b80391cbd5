//! Which files of a pack are for faces.

use std::path::{Path, PathBuf};

/// Names under which detectors are known, in the order in which they are taken: `YuNet`, by our name and that of OpenCV's model
/// zoo, whose published weights are under the MIT licence; then SCRFD of Hallo's release, whose weights are for research only.
const DETECTORS: [&str; 3] = ["yunet.onnx", "face_detection_yunet_2023mar.onnx", "scrfd_10g_bnkps.onnx"];

/// Name of the recogniser's file.
const RECOGNISER: &str = "glintr100.onnx";

/// The files for faces that a pack has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaceFiles {
    /// The detector, `YuNet` or SCRFD: its outputs say which.
    pub detector: Option<PathBuf>,
    /// The recogniser, an `ArcFace` network.
    pub recogniser: Option<PathBuf>,
}

impl FaceFiles {
    /// The files of a pack in `dir` among the `names` that its manifest lists without saying what each is for; one that lies there
    /// unlisted does not count.
    pub fn listed<'a>(dir: &Path, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        let find =
            |name: &str| names.iter().find(|listed| Path::new(listed).ends_with(name)).map(|name| dir.join(name));
        Self { detector: DETECTORS.iter().find_map(|name| find(name)), recogniser: find(RECOGNISER) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names_and_the_freest_detector_goes_first() {
        let dir = Path::new("pack");
        let (scrfd, recogniser) = ("face_analysis/models/scrfd_10g_bnkps.onnx", "face_analysis/models/glintr100.onnx");
        assert_eq!(FaceFiles::listed(dir, ["model.safetensors"]), FaceFiles::default());
        let listed = FaceFiles::listed(dir, ["model.safetensors", scrfd, recogniser]);
        assert_eq!(listed.detector, Some(dir.join(scrfd)));
        assert_eq!(listed.recogniser, Some(dir.join(recogniser)));
        for name in &DETECTORS[..2] {
            assert_eq!(FaceFiles::listed(dir, [scrfd, *name]).detector, Some(dir.join(name)));
        }
    }
}
