//! A draft becomes a job.

use shared::{
    Clock, JobId, Result, Terms,
    ports::{BlobKey, Blobs, Ledger, Submitted},
};

use crate::{draft::Draft, keep::keep};

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
/// [`Cause::Order`](shared::error::Cause::Order) naming the file when it changed since the draft; otherwise what the stores
/// say, and submitting again continues where this stopped.
pub async fn submit(draft: &Draft, ledger: &dyn Ledger, blobs: &dyn Blobs, clock: &dyn Clock) -> Result<Submission> {
    submit_for(draft, &Terms::default(), ledger, blobs, clock).await
}

/// The same under terms.
///
/// # Errors
/// As [`submit`].
pub async fn submit_for(
    draft: &Draft,
    terms: &Terms,
    ledger: &dyn Ledger,
    blobs: &dyn Blobs,
    clock: &dyn Clock,
) -> Result<Submission> {
    keep_inputs(draft, blobs).await?;
    submit_kept(draft, terms, ledger, clock).await
}

/// Keeps the inputs as blobs.
pub(crate) async fn keep_inputs(draft: &Draft, blobs: &dyn Blobs) -> Result<()> {
    let Draft { portrait, audio, order, .. } = draft;
    for (name, file, input) in [(PORTRAIT, portrait, &order.portrait), (AUDIO, audio, &order.audio)] {
        keep(blobs, &BlobKey::input(&draft.id, name)?, file, input).await?;
    }
    Ok(())
}

/// Records a job whose inputs are kept. The draft was made for the tenant of the terms.
pub(crate) async fn submit_kept<L: Ledger + ?Sized>(
    draft: &Draft,
    terms: &Terms,
    ledger: &L,
    clock: &dyn Clock,
) -> Result<Submission> {
    let submitted = ledger.submit(&draft.order, terms, &draft.plan, clock.now()).await?;
    tracing::info!(job = %draft.id, frames = draft.order.shape.frames, tasks = draft.plan.tasks.len(), ?submitted, "submitted");
    Ok(Submission { id: draft.id.clone(), submitted })
}
