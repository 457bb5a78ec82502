//! `cargo xtask test`: everything that can be proven, with one command.
//!
//! Unit tests are all tests that `cargo test` runs by itself. End-to-end tests need a cluster with Ebb; it is brought
//! up for them and taken down afterwards, whatever happens, unless there already was one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use tokio::process::Command;

use crate::cluster::{self, Cluster, Name};
use crate::images::{Packed, Profile};
use crate::install::{self, DOMAIN, Target};
use crate::interrupt;
use crate::progress::Step;
use crate::workspace;

/// The package of the end-to-end tests.
const E2E: &str = "ebb-e2e";
/// Test binaries that may share the cluster with nobody, so they come last. All others run before, together.
const ALONE: [&str; 3] = ["admission", "corpus", "restarts"];
/// How many end-to-end tests run at once: enough to keep two processors busy, which mostly wait.
const AT_ONCE: &str = "4";

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which tests.
    #[arg(value_enum, default_value_t = Which::All)]
    which: Which,
    /// Only tests whose name contains this.
    filter: Option<String>,
    /// Use the cluster of the current kubeconfig instead of bringing one up.
    #[arg(long)]
    no_cluster: bool,
    /// Ebb and the sample images are there already: only run the tests.
    #[arg(long, requires = "no_cluster")]
    installed: bool,
    /// Leave the cluster up.
    #[arg(long)]
    keep: bool,
    /// Name of the cluster to bring up.
    #[arg(long, default_value = "ebb-test")]
    name: Name,
    /// Cargo profile of the images.
    #[arg(long, value_enum, default_value_t = Profile::Quick)]
    profile: Profile,
}

/// Kinds of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Those that need nothing but this repository.
    Unit,
    /// Those on a real cluster.
    E2e,
    /// Both.
    All,
}

/// Runs `cargo xtask test`.
pub(crate) async fn run(args: Args) -> Result<()> {
    if args.which != Which::E2e {
        unit(args.filter.as_deref()).await?;
    }
    if args.which != Which::Unit {
        end_to_end(&args).await?;
    }
    Ok(())
}

async fn unit(filter: Option<&str>) -> Result<()> {
    let mut tests = cargo();
    tests.args(["test", "--workspace"]).args(filter);
    succeed(tests, "unit tests").await
}

async fn end_to_end(args: &Args) -> Result<()> {
    // A cluster that was there before is not ours to take down.
    let was_up = args.no_cluster || cluster::find(&args.name).await?.is_some();
    let cluster = if args.no_cluster {
        None
    } else {
        Some(cluster::up(&args.name).await?)
    };
    let played = tokio::select! {
        played = install_and_test(args, cluster.as_ref()) => played,
        () = interrupt::asked_for() => Err(anyhow::anyhow!("interrupted")),
    };
    match &cluster {
        Some(cluster) if args.keep => {
            println!("export KUBECONFIG={}", cluster.kubeconfig.display());
        }
        Some(cluster) if !was_up => cluster.down().await?,
        _ => {}
    }
    played
}

async fn install_and_test(args: &Args, cluster: Option<&Cluster>) -> Result<()> {
    let target = match cluster {
        Some(cluster) => Target::of(cluster).await?,
        None => Target::current(&args.name).await?,
    };
    let images = install::build(args.profile).await?;
    if !args.installed {
        let step = Step::begin("load the images into the cluster");
        target.load(&images).await?;
        step.done();
        install::install(&target.client, &install::settings(&images, DOMAIN)).await?;
    }

    let environment = environment(&images, cluster);
    let filter = args.filter.as_deref();
    let (alone, together): (Vec<_>, Vec<_>) = binaries()?
        .into_iter()
        .partition(|name| ALONE.contains(&name.as_str()));
    let mut failed = Vec::new();
    for (names, at_once) in [(together, AT_ONCE), (alone, "1")] {
        let mut tests = cargo();
        tests.args(["test", "--package", E2E, "--no-fail-fast"]);
        for name in &names {
            tests.args(["--test", name]);
        }
        tests.envs(&environment).arg("--");
        tests
            .args(["--ignored", "--nocapture", "--test-threads", at_once])
            .args(filter);
        if let Err(error) = succeed(tests, "end-to-end tests").await {
            failed.push(format!("{error:#}"));
        }
    }
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

/// What the tests read from their environment.
fn environment(images: &[Packed], cluster: Option<&Cluster>) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<_, _> = images
        .iter()
        .map(|image| {
            let name = image.name.to_uppercase().replace('-', "_");
            (format!("EBB_E2E_{name}"), image.reference.clone())
        })
        .collect();
    if let Some(cluster) = cluster {
        environment.insert(
            "KUBECONFIG".to_owned(),
            cluster.kubeconfig.display().to_string(),
        );
        environment.insert("EBB_E2E_KUBECTL".to_owned(), cluster.kubectl_line());
    }
    environment
}

/// The test binaries of the end-to-end tests: one for each topic.
fn binaries() -> Result<Vec<String>> {
    let directory = workspace::root().join("tests/e2e/tests");
    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .with_context(|| format!("cannot read {}", directory.display()))?
        .filter_map(|entry| name_of(&entry.ok()?.path()))
        .collect();
    names.sort();
    Ok(names)
}

fn name_of(path: &Path) -> Option<String> {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    is_rust.then(|| path.file_stem()?.to_str().map(str::to_owned))?
}

fn cargo() -> Command {
    // The cargo that runs us, so that the toolchain is the same.
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(cargo);
    command.current_dir(workspace::root()).kill_on_drop(true);
    command
}

async fn succeed(mut command: Command, what: &str) -> Result<()> {
    let status = command.status().await.context("cannot run cargo")?;
    if !status.success() {
        bail!("{what} failed, {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_that_need_the_cluster_for_themselves_exist() {
        let binaries = binaries().unwrap();
        for alone in ALONE {
            assert!(binaries.iter().any(|name| name == alone), "{binaries:?}");
        }
        assert!(binaries.len() > ALONE.len());
    }
}
