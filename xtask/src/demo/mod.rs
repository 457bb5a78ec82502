//! `cargo xtask demo`: the main job of Ebb on a real Kubernetes, watched from the outside.
//!
//! ```text
//! hello (plain service) ─► scale (0 → 10 → 0 under load) ─► cold (five times from zero) ─► split (half and half)
//! ```
//!
//! Nothing here knows how the system works inside: it applies services, sends requests to the gateway, and looks at
//! what anybody can see. Every step states its bounds; the demo fails if a request failed or a bound was missed.

mod chart;
mod cold;
mod floor;
mod hello;
mod http;
mod load;
mod logs;
mod phases;
mod pods;
mod report;
mod scale;
mod signals;
mod split;
mod stage;

use std::path::Path;

use anyhow::{Result, bail};

use crate::cluster::{self, Cluster, Name};
use crate::images::{self, Packed, Profile};
use crate::install::{self, DOMAIN, Target};
use crate::workspace;
use report::Report;
use stage::Stage;

/// Options of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave everything as it is afterwards, and say how to use it.
    #[arg(long)]
    keep: bool,
    /// Use the cluster of the current kubeconfig instead of bringing one up.
    #[arg(long)]
    no_cluster: bool,
    /// Take the images that were built last, whatever has changed since.
    #[arg(long)]
    no_build: bool,
    /// Name of the cluster to bring up.
    #[arg(long, default_value = "ebb")]
    name: Name,
    /// Cargo profile of the images.
    #[arg(long, value_enum, default_value_t = Profile::Quick)]
    profile: Profile,
}

/// Runs `cargo xtask demo`.
pub(crate) async fn run(args: Args) -> Result<()> {
    // A cluster that was there before is not ours to take down.
    let was_up = args.no_cluster || cluster::find(&args.name).await?.is_some();
    let cluster = if args.no_cluster {
        None
    } else {
        Some(cluster::up(&args.name).await?)
    };
    let target = match &cluster {
        Some(cluster) => Target::of(cluster).await?,
        None => Target::current(&args.name).await?,
    };

    let directory = workspace::target().join("demo");
    let mut played = tokio::select! {
        played = prepare_and_play(&target, &args, &directory) => played,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    if let Err(error) = &mut played {
        let logs = directory.join("logs");
        logs::collect(&target.client, &logs).await;
        *error = anyhow::anyhow!("{error:#}\nlogs of all parts: {}", logs.display());
    }
    if args.keep {
        explain(&target, cluster.as_ref(), &args.name).await?;
    } else if let (Some(cluster), false) = (&cluster, was_up) {
        cluster.down().await?;
    } else {
        stage::remove_namespace(&target.client).await?;
    }
    played
}

async fn prepare_and_play(target: &Target, args: &Args, directory: &Path) -> Result<()> {
    let images = if args.no_build {
        images::packed_last(args.profile)?
    } else {
        install::build(args.profile).await?
    };
    target.load(&images).await?;
    install::install(&target.client, &install::settings(&images, DOMAIN)).await?;
    play(target, &images, directory).await
}

/// Plays all steps and says what came of them.
async fn play(target: &Target, images: &[Packed], directory: &Path) -> Result<()> {
    let stage = Stage::set(
        target.client.clone(),
        reference(images, "hello"),
        reference(images, "autoscale"),
    )
    .await?;
    let hello = hello::run(&stage).await?;
    let scale = scale::run(&stage).await?;
    let cold = cold::run(&stage).await?;
    let split = split::run(&stage).await?;
    let missed = [
        scale::judge(&scale),
        cold::judge(&cold),
        split::judge(&split),
    ]
    .into_iter()
    .filter_map(Result::err)
    .map(|error| format!("{error:#}"))
    .collect();
    let report = Report {
        hello,
        scale,
        cold,
        split,
        missed,
    };
    report.publish(directory)?;
    if !report.missed.is_empty() {
        bail!("{}", report.missed.join("\n"));
    }
    Ok(())
}

fn reference(images: &[Packed], name: &str) -> String {
    let image = images.iter().find(|image| image.name == name);
    image
        .map(|image| image.reference.clone())
        .expect("all images of the catalogue were built")
}

/// How to go on with what was left in place.
async fn explain(target: &Target, cluster: Option<&Cluster>, name: &Name) -> Result<()> {
    let gateway = stage::gateway_address(&target.client).await?;
    println!(
        "\neverything is left in place, in namespace {}",
        stage::NAMESPACE
    );
    if let Some(cluster) = cluster {
        println!("  export KUBECONFIG={}", cluster.kubeconfig.display());
    }
    println!(
        "  curl -H 'Host: hello.{}.{DOMAIN}' http://{gateway}/",
        stage::NAMESPACE
    );
    if cluster.is_some() {
        println!(
            "  cargo xtask cluster --name {name} kubectl -- -n {} get ksvc,pods",
            stage::NAMESPACE
        );
        println!("  cargo xtask cluster --name {name} down");
    }
    Ok(())
}
