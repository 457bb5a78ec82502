//! The repository's own commands: `cargo xtask --help`.

mod bench;
mod cluster;
mod command;
mod compat;
mod demo;
mod fuzz;
mod images;
mod install;
mod interrupt;
mod manifests;
mod oci;
mod progress;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures what our proxies cost
    Bench(bench::Args),
    /// Runs a real one-node Kubernetes on this machine
    Cluster(cluster::Args),
    /// Builds the programs, static, and packs each as an OCI image
    Images(images::Args),
    /// Installs Ebb and waits until it is ready
    Install(install::Args),
    /// Removes Ebb and everything that belongs to it
    Uninstall(install::RemoveArgs),
    /// Shows the main job on a real Kubernetes: a service goes 0 → 10 → 0
    Demo(demo::Args),
    /// Throws odd inputs at what strangers reach
    Fuzz(fuzz::Args),
    /// Runs the tests: those of the code, and those on a real cluster
    Test(test::Args),
    /// Writes config/crd from the types
    Crds(manifests::Args),
    /// Writes docs/compatibility.md from the code
    Compat(compat::Args),
    /// Writes the install manifests and the chart
    Manifests(manifests::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The cause in one line, then whatever log belongs to it. A backtrace would say nothing to a user.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Bench(args) => bench::run(args).await,
        Command::Cluster(args) => cluster::run(args).await,
        Command::Images(args) => images::run(&args),
        Command::Install(args) => install::run(args).await,
        Command::Uninstall(args) => install::run_remove(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Fuzz(args) => fuzz::run(args).await,
        Command::Test(args) => test::run(args).await,
        Command::Crds(args) => manifests::run_crds(&args),
        Command::Compat(args) => compat::run(&args),
        Command::Manifests(args) => manifests::run(&args),
    }
}
