//! Being asked to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Returns when the user presses Ctrl-C or somebody ends us politely.
///
/// From the first call on, these signals no longer end the process by themselves.
pub(crate) async fn asked_for() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
