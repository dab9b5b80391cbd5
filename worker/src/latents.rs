//! Latents on their way through the blob store: a run of frames as one safetensors object.

use shared::{
    Bundle, Error, Frames, Result, TaskId, Tensor,
    plan::{Origin, Source},
    tensor::Precision,
};

use crate::work::Work;

/// Name of the blob that a segment or a bridge leaves for the parts.
pub(crate) use shared::ports::blobs::LATENTS;

/// Name of the blob that a segment leaves for the next one: its motion frames.
pub(crate) const HANDOFF: &str = "handoff.safetensors";

const TENSOR: &str = "latents";
const FIRST: &str = "first";

/// Reads what `source` names: the latents of its frames, and of no others.
///
/// # Errors
/// When a blob cannot be read, or lacks one of the frames.
pub(crate) async fn read(work: &Work<'_>, source: &Source) -> Result<LatentRun> {
    let (bundle, whose) = match &source.origin {
        Origin::Task(kind) => (work.read(&TaskId::of(kind), LATENTS).await?, TaskId::of(kind).to_string()),
        Origin::Kept(kept) => (work.read_blob(&kept.blob).await?, kept.blob.to_string()),
    };
    let run = LatentRun::from_bundle(bundle)?.only(source.frames)?;
    if run.frames() != source.frames {
        let (wanted, found) = (source.frames, run.frames());
        return Err(Error::world(format!("{whose} holds latents of frames {found} where {wanted} are needed")));
    }
    Ok(run)
}

/// Latents of a run of frames, one row a frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LatentRun {
    /// The frame of the first row.
    pub(crate) first: u64,
    /// `[frames, channels, height, width]`, in half precision.
    pub(crate) latents: Tensor,
}

impl LatentRun {
    /// The frames.
    pub(crate) fn frames(&self) -> Frames {
        Frames::new(self.first, self.first + self.latents.rows() as u64)
    }

    /// The rows of the frames in `wanted`; those outside of the run are left out.
    pub(crate) fn only(&self, wanted: Frames) -> Result<Self> {
        let frames = self.frames().meet(wanted);
        let row = |frame: u64| (frame.clamp(self.first, self.frames().end) - self.first) as usize;
        Ok(Self { first: frames.start, latents: self.latents.slice(row(frames.start), row(frames.end))? })
    }

    /// The object.
    pub(crate) fn to_bundle(&self) -> Bundle {
        let mut bundle = Bundle::of(TENSOR, self.latents.clone());
        bundle.notes.insert(FIRST.into(), self.first.to_string());
        bundle
    }

    /// The object's bytes.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        self.to_bundle().to_bytes(Precision::Half)
    }

    /// Reads an object.
    pub(crate) fn from_bundle(mut bundle: Bundle) -> Result<Self> {
        let first = bundle.notes.get(FIRST).and_then(|first| first.parse().ok());
        match (bundle.tensors.remove(TENSOR), first) {
            (Some(latents), Some(first)) => Ok(Self { first, latents }),
            _ => Err(Error::world("the object holds no run of latents")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u64, rows: usize) -> LatentRun {
        let data = (0..rows * 2).map(|i| first as f32 + i as f32 / 4.0).collect();
        LatentRun { first, latents: Tensor::new([rows, 2, 1, 1], data).unwrap() }
    }

    #[test]
    fn a_run_survives_the_way_and_other_objects_are_refused() {
        let sent = run(36, 12);
        let bundle = Bundle::from_bytes(&sent.to_bytes().unwrap()).unwrap();
        assert_eq!(LatentRun::from_bundle(bundle).unwrap(), sent);
        assert!(LatentRun::from_bundle(Bundle::of(TENSOR, sent.latents.clone())).is_err());
        assert!(LatentRun::from_bundle(Bundle::of("x", sent.latents)).is_err());
    }

    #[test]
    fn only_the_wanted_frames_are_left() {
        let whole = run(36, 12);
        assert_eq!(whole.only(Frames::new(0, 99)).unwrap(), whole);
        let some = whole.only(Frames::new(40, 42)).unwrap();
        assert_eq!(some.frames(), Frames::new(40, 42));
        assert_eq!(some.latents, whole.latents.slice(4, 6).unwrap());
        assert!(whole.only(Frames::new(50, 60)).unwrap().frames().is_empty());
        assert!(whole.only(Frames::new(0, 10)).unwrap().frames().is_empty());
    }
}
