//! Which files of a pack are for faces.

use std::path::{Path, PathBuf};

/// Names of SCRFD's file, as InsightFace's and Hallo's releases have it.
const SCRFD: [&str; 1] = ["scrfd_10g_bnkps.onnx"];

/// Names of YuNet's file: ours, and that of OpenCV's model zoo.
const YUNET: [&str; 2] = ["yunet.onnx", "face_detection_yunet_2023mar.onnx"];

/// Name of the recogniser's file.
const RECOGNISER: &str = "glintr100.onnx";

/// Folder in which Hallo's release keeps them.
const FOLDER: &str = "face_analysis/models";

/// Whose outputs a detector's file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetectorForm {
    /// SCRFD of InsightFace; its published weights are for research that is not commercial.
    Scrfd,
    /// YuNet of OpenCV's model zoo; its published weights are under the MIT licence.
    Yunet,
}

/// The files for faces that a pack has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaceFiles {
    /// The detector.
    pub detector: Option<(DetectorForm, PathBuf)>,
    /// The recogniser, an ArcFace network.
    pub recogniser: Option<PathBuf>,
}

impl FaceFiles {
    /// The files that lie in `dir`, or where Hallo's release keeps them below it.
    pub fn below(dir: &Path) -> Self {
        Self::among(|name| [dir.join(FOLDER).join(name), dir.join(name)].into_iter().find(|path| path.is_file()))
    }

    /// The files of a pack in `dir` among the `names` that its manifest lists; one that lies there unlisted does not count.
    pub fn listed<'a>(dir: &Path, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        let last = |listed: &str| Path::new(listed).file_name().map(std::ffi::OsStr::to_owned);
        Self::among(|name| {
            let listed = names.iter().find(|listed| last(listed).is_some_and(|last| last == name));
            listed.map(|listed| dir.join(listed))
        })
    }

    fn among(find: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let form = |names: &[&str], form| names.iter().find_map(|name| find(name)).map(|path| (form, path));
        Self {
            detector: form(&SCRFD, DetectorForm::Scrfd).or_else(|| form(&YUNET, DetectorForm::Yunet)),
            recogniser: find(RECOGNISER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_and_a_pack_of_ones_own_are_both_known() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(FaceFiles::below(dir.path()), FaceFiles::default());
        std::fs::write(dir.path().join("yunet.onnx"), b"").unwrap();
        let own = FaceFiles::below(dir.path());
        assert_eq!(own.detector, Some((DetectorForm::Yunet, dir.path().join("yunet.onnx"))));
        let folder = dir.path().join(FOLDER);
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["scrfd_10g_bnkps.onnx", "glintr100.onnx"] {
            std::fs::write(folder.join(name), b"").unwrap();
        }
        let release = FaceFiles::below(dir.path());
        assert_eq!(release.detector, Some((DetectorForm::Scrfd, folder.join("scrfd_10g_bnkps.onnx"))));
        assert_eq!(release.recogniser, Some(folder.join("glintr100.onnx")));
        let listed = FaceFiles::listed(dir.path(), ["model.safetensors", "face_analysis/models/glintr100.onnx"]);
        assert_eq!(listed, FaceFiles { detector: None, recogniser: Some(folder.join("glintr100.onnx")) });
    }
}
