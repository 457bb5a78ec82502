//! `cargo xtask bench`: what Ebb costs.
//!
//! `dataplane` measures the proxies. The same load goes, in one run and on this machine's loopback, to the
//! application alone, through the least forwarder that can be written with
//! hyper, and through each of our proxies; all are real processes built as users
//! get them. The least forwarder is the unit: machines differ, ratios hold.
//!
//! The activator and the gateway learn where to send requests from Kubernetes;
//! here from a server that hands out a handful of objects ([`api`]). Everything
//! else about them is as in a cluster.

mod admission;
mod answer;
mod api;
mod case;
mod control_plane;
mod load;
mod objects;
mod page;
mod process;
mod table;

use std::time::Duration;

use anyhow::Result;

use self::case::{Case, Programs};
use self::load::Load;
use self::table::{Row, Table};

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Compares the proxies with an application alone and with a bare forwarder
    Dataplane(Dataplane),
    /// Creates services on the cluster of the current kubeconfig and counts what that takes
    ControlPlane(control_plane::Args),
    /// Sends reviews to the webhook and looks at latency and memory
    Admission(admission::Args),
}

#[derive(Debug, clap::Args)]
struct Dataplane {
    /// Seconds of load for each case in each round
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds; each case runs once in each, and its median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections that send one request after the other
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Takes the programs as they were built last
    #[arg(long)]
    no_build: bool,
    /// Puts the table into docs/benchmarks.md
    #[arg(long)]
    write: bool,
    /// Cases to run; all of them if none is named
    #[arg(value_enum)]
    cases: Vec<Case>,
}

/// Runs a bench and prints its table.
pub(crate) async fn run(args: Args) -> Result<()> {
    match args.what {
        What::Dataplane(options) => data_plane(options).await,
        What::ControlPlane(options) => control_plane::run(options).await,
        What::Admission(options) => admission::run(options).await,
    }
}

async fn data_plane(options: Dataplane) -> Result<()> {
    let cases = match options.cases.is_empty() {
        true => Case::ALL.to_vec(),
        false => options.cases.clone(),
    };
    let programs = match options.no_build {
        true => Programs::built(&cases),
        false => Programs::build(&cases)?,
    };
    let load = Load {
        connections: options.connections,
        duration: Duration::from_secs(options.seconds),
    };
    let mut table = Table::new(load, options.rounds);
    for round in 1..=options.rounds {
        for case in &cases {
            eprintln!("round {round} of {}: {}", options.rounds, case.name());
            let mut running = case.start(&programs).await?;
            let row = Row::measure(&running, &load).await;
            running.require_alive()?;
            table.add(*case, row?);
        }
    }
    println!("{}", table.text());
    if options.write {
        page::write("dataplane", &table.text())?;
    }
    Ok(())
}
