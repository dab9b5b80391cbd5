//! The embedding of a face by an ArcFace network (arXiv 1801.07698), as `glintr100.onnx` of InsightFace's release gives it.

use std::path::Path;

use shared::{Error, Picture, Result, face::KeyPoints};

use super::{
    align::{EDGE, Similarity, TEMPLATE, aligned},
    onnx::Onnx,
};

/// Numbers in an embedding.
pub const WIDTH: usize = 512;

/// The embedding of the face with these key points, `WIDTH` numbers, not normalised. The network (261 MB in the release) is in memory
/// for this call alone: a job asks once.
///
/// # Errors
/// When the file cannot be used, or the key points are no face's.
pub fn embedding(file: &Path, picture: &Picture, points: &KeyPoints) -> Result<Vec<f32>> {
    let onto = Similarity::between(&points.all(), &TEMPLATE).ok_or_else(|| {
        Error::order("the key points of the face lie in one place").mend("say with --face x,y,w,h where the face is")
    })?;
    let onnx = Onnx::load(file)?;
    let face = aligned(picture, &onto);
    let mut planes = Vec::with_capacity(face.len());
    for channel in 0..3 {
        planes.extend(face.iter().skip(channel).step_by(3).map(|x| (f32::from(*x) - 127.5) / 127.5));
    }
    let outputs = onnx.run(&planes, EDGE)?;
    let [output] = &outputs[..] else {
        return Err(onnx.refuse(&format!("has {} outputs where an embedding belongs", outputs.len())));
    };
    let embedding = onnx.expect(output, WIDTH)?;
    if embedding.iter().all(|x| x.is_finite()) {
        Ok(embedding.to_vec())
    } else {
        Err(onnx.refuse("gives an embedding that is not a number"))
    }
}
