//! Ctrl-C and SIGTERM: the first asks everything to stop at the next step, the second ends the program at once.

use tokio_util::sync::CancellationToken;

use crate::{exit, output::note};

/// A token that is cancelled by the first interrupt. Must be called inside the async runtime.
///
/// # Errors
/// When the signals cannot be listened to.
pub(crate) fn token() -> shared::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|e| shared::Error::world("cannot listen to signals").from_source(e));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let token = CancellationToken::new();
    let asked = token.clone();
    tokio::spawn(async move {
        loop {
            let code = tokio::select! {
                _ = interrupt.recv() => exit::INTERRUPTED,
                _ = terminate.recv() => exit::TERMINATED,
            };
            if asked.is_cancelled() {
                // Nothing is half-written anywhere: blobs and films appear whole, so leaving at once loses only time.
                std::process::exit(i32::from(code));
            }
            note(format_args!("stopping at the next step; interrupt again to leave at once"));
            asked.cancel();
        }
    });
    Ok(token)
}
