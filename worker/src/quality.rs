//! What is measured of a job on its way: the portrait as the network draws it and the loudness of each frame, left by `prepare` for
//! all others, and the records that tasks give to the ledger.

use shared::{
    Bundle, Error, Frames, Portrait, Result, Tensor,
    ports::Renderer,
    quality::{Inspector, Measured, Quality, Reference, Regions, joins},
    tensor::Precision,
};

use crate::work::{Work, prepare};

/// Name of the blob that `prepare` leaves.
pub(crate) const BASIS: &str = "quality.safetensors";

const SPEECH: &str = "speech";
const REFERENCE: &str = "reference";

/// What a film is measured against.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Basis {
    /// The portrait as the network draws it; nothing for models that draw no likeness of it.
    pub(crate) reference: Option<Reference>,
    /// How loud each frame is.
    pub(crate) speech: Vec<f32>,
}

impl Basis {
    /// The object's bytes: two for each frame, and a few hundred.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bundle = Bundle::of(SPEECH, Tensor::new([self.speech.len()], self.speech.clone())?);
        if let Some(reference) = &self.reference {
            bundle.notes.insert(REFERENCE.into(), json(reference)?);
        }
        bundle.to_bytes(Precision::Half)
    }

    fn from_bundle(bundle: &Bundle) -> Result<Self> {
        let damaged = |e| Error::world("what the film is measured against cannot be read").from_source(e);
        let reference = bundle.notes.get(REFERENCE).map(|text| serde_json::from_str(text)).transpose();
        Ok(Self { reference: reference.map_err(damaged)?, speech: bundle.get(SPEECH)?.data().to_vec() })
    }

    /// What `prepare` left; nothing where an older version of the program prepared the job.
    pub(crate) async fn of(work: &Work<'_>) -> Result<Self> {
        if work.lacks(&prepare(), BASIS).await? {
            Ok(Self::default())
        } else {
            Self::from_bundle(&work.read(&prepare(), BASIS).await?)
        }
    }

    /// An inspector of the pictures of `frames`.
    pub(crate) fn inspector(self, frames: Frames, order: &shared::Order) -> Inspector {
        let clip = order.shape.clip_frames;
        Inspector::new(frames, u64::from(clip), &joins(&order.cuts, clip), self.reference, self.speech)
    }
}

/// Measures the portrait as the network draws it; nothing for models that draw no likeness of it.
pub(crate) fn reference(renderer: &mut dyn Renderer, portrait: &Portrait) -> Result<Option<Reference>> {
    let Some(latent) = renderer.portrait()? else { return Ok(None) };
    // What is compared with it is rounded too.
    let latent = latent.rounded_to_f16();
    let drawn = renderer.decode(&latent, 0)?;
    Ok(drawn.first().map(|drawn| Reference::of(Regions::of(portrait), drawn, &latent)))
}

/// Gives the ledger what a task measured.
pub(crate) async fn keep(work: &Work<'_>, measured: Vec<(Frames, Quality)>) -> Result<()> {
    let task = &work.lease.key.task;
    let record = |(frames, quality)| Measured { task: task.clone(), frames, quality };
    let records: Vec<Measured> = measured.into_iter().map(record).collect();
    work.keep_quality(&records).await
}

/// A record as JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::world("a record has no form as JSON").from_source(e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Picture;

    #[test]
    fn a_basis_survives_the_way() {
        let picture = Picture::new(8, 8, (0..192).collect()).unwrap();
        let regions = Regions::of(&Portrait::unknown(picture.clone()));
        let reference = Reference::of(regions, &picture, &Tensor::new([1, 2], vec![0.5, -0.5]).unwrap());
        for reference in [None, Some(reference)] {
            let basis = Basis { reference, speech: vec![0.5, 0.25, 0.0] };
            let bundle = Bundle::from_bytes(&basis.to_bytes().unwrap()).unwrap();
            assert_eq!(Basis::from_bundle(&bundle).unwrap(), basis);
        }
        let long = Basis { reference: None, speech: vec![0.5; 90_000] };
        assert!(long.to_bytes().unwrap().len() < 2 * 90_000 + 1000, "an hour is a small object");
    }
}
