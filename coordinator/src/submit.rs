//! A draft becomes a job.

use shared::{
    Clock, JobId, Result,
    ports::{BlobKey, Blobs, Ledger, Submitted},
};

use crate::draft::Draft;

/// Name of the portrait among a job's inputs.
pub const PORTRAIT: &str = "portrait";

/// Name of the track among a job's inputs.
pub const AUDIO: &str = "audio";

/// A job in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The job.
    pub id: JobId,
    /// Whether it is new or was there before.
    pub submitted: Submitted,
}

/// Keeps the inputs as blobs, then records the job: whoever sees the job finds its inputs. Idempotent.
///
/// # Errors
/// What the stores say; submitting again continues where this stopped.
pub async fn submit(draft: &Draft, ledger: &dyn Ledger, blobs: &dyn Blobs, clock: &dyn Clock) -> Result<Submission> {
    for (name, file) in [(PORTRAIT, &draft.portrait), (AUDIO, &draft.audio)] {
        blobs.put_file(&BlobKey::input(&draft.id, name)?, file).await?;
    }
    let submitted = ledger.submit(&draft.order, &draft.plan, clock.now()).await?;
    tracing::info!(job = %draft.id, frames = draft.order.shape.frames, tasks = draft.plan.tasks.len(), ?submitted, "submitted");
    Ok(Submission { id: draft.id.clone(), submitted })
}
