//! The repository's own commands: `cargo xtask --help`.

mod bench;
mod demo;
mod images;
mod install;
mod manifests;
mod oci;
mod workspace;

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
    /// Builds the programs, static, and packs each as an OCI image
    Images(images::Args),
    /// Writes config/crd from the types
    Crds(manifests::Args),
    /// Writes the install manifests and the chart
    Manifests(manifests::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Bench(args) => tokio::runtime::Runtime::new()?.block_on(bench::run(args)),
        Command::Images(args) => images::run(&args),
        Command::Crds(args) => manifests::run_crds(&args),
        Command::Manifests(args) => manifests::run(&args),
    }
}
