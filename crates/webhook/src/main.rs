//! `webhook`: see the library.

use clap::Parser as _;
use ebb_process::log;
use ebb_webhook::settings::Settings;

fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let handle = log::init("webhook", log::Level::Info);
    // One thread: a review costs a fraction of a millisecond, and replicas share the load.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(ebb_webhook::run(settings, handle));
    if let Err(error) = &outcome {
        tracing::error!(error = format!("{error:#}"), "webhook ends");
    }
    outcome
}
