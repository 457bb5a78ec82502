//! `cargo xtask bench admission`: what a review costs the webhook, and how long the API server waits for it.
//!
//! The real program, built as users get it, has one processor for itself; the load comes from another one, over TLS
//! and kept-alive HTTP/1.1 connections as from the API server. Reviews arrive when their time has come, whether or
//! not earlier ones are answered ([`load`]). The webhook reads its settings and its certificate from the stand-in
//! for the API server ([`super::api`]): a real one would need the processors for itself.

mod client;
mod load;
mod reviews;
mod service;
mod webhook;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use self::load::{Load, Outcome};
use self::reviews::{Case, Reviews};
use self::webhook::Webhook;
use super::page;
use crate::images::{self, Profile};
use crate::workspace;

/// Load before the one that counts: connections open, caches fill, the allocator finds its size.
const WARM_UP: Duration = Duration::from_secs(3);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Options of `cargo xtask bench admission`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Seconds of load for each case; memory that grows shows after minutes only
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Reviews that arrive in a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Connections; the API server's client keeps so many
    #[arg(long, default_value_t = 25)]
    connections: usize,
    /// Cargo profile of the webhook
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// Takes the program as it was built last
    #[arg(long)]
    no_build: bool,
    /// Puts the table into docs/benchmarks.md
    #[arg(long)]
    write: bool,
    /// Cases to run; all of them if none is named
    #[arg(value_enum)]
    cases: Vec<Case>,
}

/// What one case did.
#[derive(Debug)]
struct Row {
    case: Case,
    body_bytes: usize,
    outcome: Outcome,
    cpu: Duration,
    /// Resident memory before the first review, after the warm-up, and once a second after that.
    start_bytes: u64,
    warm_bytes: u64,
    later_bytes: Vec<u64>,
}

/// Runs the bench and prints its table.
pub(super) async fn run(args: Args) -> Result<()> {
    let cases = match args.cases.is_empty() {
        true => Case::ALL.to_vec(),
        false => args.cases.clone(),
    };
    let program = program(args.profile, args.no_build)?;
    let load = Load {
        rate: args.rate,
        connections: args.connections,
        duration: Duration::from_secs(args.seconds),
    };
    let mut rows = Vec::new();
    for case in cases {
        eprintln!("{}, {} s", case.name(), args.seconds);
        rows.push(measure(&program, case, load).await?);
    }
    let text = table(&load, args.profile, &rows);
    println!("{text}");
    if args.write {
        page::write("admission", &text)?;
    }
    Ok(())
}

fn program(profile: Profile, built: bool) -> Result<PathBuf> {
    let program = images::CATALOGUE
        .iter()
        .find(|program| program.name == "webhook")
        .context("the catalogue has no webhook")?;
    if built {
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        return Ok(workspace::target()
            .join(triple)
            .join(profile.name())
            .join(program.name));
    }
    images::compile(profile, &[program])?
        .remove(program.name)
        .context("the webhook was not built")
}

async fn measure(program: &Path, case: Case, load: Load) -> Result<Row> {
    let reviews = Arc::new(Reviews::of(case)?);
    let mut webhook = Webhook::start(program).await?;
    let body_bytes = reviews.largest_body();
    let start_bytes = webhook.process.resident()?;
    let peer = webhook.peer.clone();
    let warm_up = Load {
        duration: WARM_UP,
        ..load
    };
    warm_up.start(&peer, &reviews)?.outcome()?;
    let warm_bytes = webhook.process.resident()?;

    let before = webhook.process.cpu()?;
    let running = load.start(&peer, &reviews)?;
    let mut later_bytes = Vec::new();
    while !running.is_finished() {
        tokio::time::sleep(LOOK).await;
        webhook.process.require_alive()?;
        later_bytes.push(webhook.process.resident()?);
    }
    let outcome = running.outcome()?;
    Ok(Row {
        case,
        body_bytes,
        outcome,
        cpu: webhook.process.cpu()? - before,
        start_bytes,
        warm_bytes,
        later_bytes,
    })
}

/// The table as Markdown, which also reads well in a terminal.
fn table(load: &Load, profile: Profile, rows: &[Row]) -> String {
    let mut text = format!(
        "{} reviews a second for {} s a case, {} connections, profile `{}`, the webhook alone on one processor.\n\n\
         | | body KB | p50 ms | p99 ms | max ms | CPU µs/review | MB at start | warm | most later | at the end |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        load.rate,
        load.duration.as_secs(),
        load.connections,
        profile.name(),
    );
    for row in rows {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let mb = |bytes: u64| bytes as f64 / 1e6;
        writeln!(
            text,
            "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} |",
            row.case.name(),
            row.body_bytes as f64 / 1e3,
            ms(row.outcome.rank(0.50)),
            ms(row.outcome.rank(0.99)),
            ms(row.outcome.rank(1.0)),
            row.cpu.as_secs_f64() * 1e6 / row.outcome.count() as f64,
            mb(row.start_bytes),
            mb(row.warm_bytes),
            mb(row.later_bytes.iter().copied().max().unwrap_or_default()),
            mb(row.later_bytes.last().copied().unwrap_or_default()),
        )
        .expect("text can grow");
    }
    text
}
