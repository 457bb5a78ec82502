//! Turns the signals that end a process into a [`Stop`].
//!
//! The first SIGTERM or SIGINT asks the process to drain, the second one ends it at once with status 1, as upstream
//! does; somebody who presses Ctrl-C twice means it.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use crate::supervisor::{Stop, Supervisor};

/// Listens from now on and stops the supervisor's process on the first signal.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn stop_on_signal(supervisor: &Supervisor) -> io::Result<()> {
    trigger_on_signal(supervisor, supervisor.stop())
}

/// Listens from now on and triggers `stop` on the first signal: for processes whose tasks have to go on for a while
/// after it.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn trigger_on_signal(supervisor: &Supervisor, stop: Stop) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    supervisor.background("signals", async move {
        let name = first(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, "draining");
        stop.trigger();
        let name = first(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = name, "second signal: ending at once");
        std::process::exit(1);
    });
    Ok(())
}

async fn first(
    terminate: &mut tokio::signal::unix::Signal,
    interrupt: &mut tokio::signal::unix::Signal,
) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
