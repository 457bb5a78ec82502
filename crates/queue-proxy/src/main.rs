//! The queue-proxy program: one thread, settings from the environment.

use std::process::ExitCode;

use ebb_process::log::{self, Chain};
use ebb_process::supervisor::Supervisor;
use ebb_queue_proxy::{Settings, Sockets};

fn main() -> ExitCode {
    let settings = match Settings::read(|name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    log::init("queueproxy", settings.log_level);
    match serve(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %Chain(error.as_ref()), "ending");
            ExitCode::FAILURE
        }
    }
}

/// One thread: a sidecar shares its pod's CPU limit, and a second thread would
/// cost more in wake-ups and memory than it could earn.
fn serve(settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let supervisor = Supervisor::new();
        ebb_process::signal::stop_on_signal(&supervisor)?;
        let sockets = Sockets::open(settings)?;
        Ok::<_, Box<dyn std::error::Error>>(
            ebb_queue_proxy::run(settings, sockets, supervisor).await?,
        )
    })
}
