//! `cargo xtask install` and `uninstall`: Ebb on the cluster of the current kubeconfig, and away again.
//!
//! Installing is applying: it can be repeated at any time, over an older installation or over one that failed half
//! way. Uninstalling leaves no webhook configuration, finalizer, definition or namespace of ours behind.

mod apply;
mod diagnose;
mod kinds;
mod ready;
mod remove;
mod target;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use kube::Client;

use crate::cluster::Name;
use crate::images::{self, Packed, Profile};
use crate::manifests::{self, Settings};
use crate::progress::Step;

pub(crate) use diagnose::why_not_ready;
pub(crate) use kinds::api_of;
pub(crate) use remove::remove;
pub(crate) use target::Target;

/// Name under which the API server remembers which fields are ours.
const FIELD_MANAGER: &str = "ebb-install";

/// How long the cluster may take until every program is ready. Starting takes a few seconds; the rest is for slow
/// machines that do everything for the first time.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// Options of `cargo xtask install`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cargo profile of the images.
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// Take the images that were built last, whatever has changed since.
    #[arg(long)]
    no_build: bool,
    /// Domain for the hosts of services.
    #[arg(long, default_value = DOMAIN)]
    domain: String,
    /// Our own cluster to use if there is no current kubeconfig.
    #[arg(long, default_value = "ebb")]
    name: Name,
}

/// Options of `cargo xtask uninstall`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// Our own cluster to use if there is no current kubeconfig.
    #[arg(long, default_value = "ebb")]
    name: Name,
}

/// Domain for the hosts of services where nobody says otherwise. It resolves nowhere: clients send it as a header.
pub(crate) const DOMAIN: &str = "example.com";

/// Runs `cargo xtask install`.
pub(crate) async fn run(args: Args) -> Result<()> {
    let target = Target::current(&args.name).await?;
    let images = if args.no_build {
        images::packed_last(args.profile)?
    } else {
        build(args.profile).await?
    };
    target.load(&images).await?;
    install(&target.client, &settings(&images, &args.domain)).await
}

/// Runs `cargo xtask uninstall`.
pub(crate) async fn run_remove(args: RemoveArgs) -> Result<()> {
    remove(&Target::current(&args.name).await?.client).await
}

/// Builds all images, away from the threads that wait for the cluster.
pub(crate) async fn build(profile: Profile) -> Result<Vec<Packed>> {
    tokio::task::spawn_blocking(move || images::build(profile, &[]))
        .await
        .context("the build broke off")?
}

/// The choices of an installation made from this repository: images as just packed, and a domain, so that what is
/// deployed can be called from outside the cluster.
pub(crate) fn settings(images: &[Packed], domain: &str) -> Settings {
    let images = images
        .iter()
        .map(|image| (image.name.clone(), image.reference.clone()))
        .collect();
    Settings {
        images,
        domain: Some(domain.to_owned()),
        ..Settings::release()
    }
}

/// Applies everything and returns once services can be created.
pub(crate) async fn install(client: &Client, settings: &Settings) -> Result<()> {
    let begun = Instant::now();
    let definitions = manifests::crds();
    let step = Step::begin(format!(
        "apply {} custom resource definitions",
        definitions.len()
    ));
    apply::all(client, &definitions).await?;
    ready::definitions(client, &definitions).await?;
    step.done();

    // Left over from an earlier installation whose webhook does not answer, it would refuse our own ConfigMaps.
    apply::delete_config_webhook(client).await?;
    let objects = manifests::objects(settings);
    let step = Step::begin(format!("apply {} objects", objects.len()));
    apply::all(client, &objects).await?;
    step.done();

    ready::deployments(client, &objects, READY_WITHIN).await?;
    ready::admission(client, READY_WITHIN).await?;
    eprintln!("Ebb is ready after {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// What the API server said, without what only a program would want to know.
pub(crate) fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
