//! Bridges over seams.

use shared::{Error, Frames, Result};

/// Refuses: seams exist only between chains, and plans have one chain.
pub(crate) fn make(seam: u32, frames: Frames) -> Result<()> {
    Err(Error::order(format!("seam {seam} (frames {frames}) cannot be bridged: this build renders films in one chain"))
        .mend("submit the job with a plan of one chain"))
}
