//! The `controller` program: reads its settings, then hands over to the library.

use std::process::ExitCode;

use clap::Parser as _;
use ebb_controller::settings::Settings;
use ebb_process::log::{self, Chain, Level};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    let log = log::init("controller", Level::Info);
    match ebb_controller::run(settings, log).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "cannot go on");
            ExitCode::FAILURE
        }
    }
}
