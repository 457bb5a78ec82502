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
mod phases;
mod pods;
mod report;
mod scale;
mod signals;
mod split;
mod stage;

use anyhow::{Result, bail};
use kube::Client;

use crate::workspace;
use report::Report;
use stage::Stage;

pub(crate) use stage::remove_namespace;

/// Plays all steps on a cluster where Ebb is installed, and says what came of it.
///
/// `hello` and `autoscale` are the references of the sample images.
pub(crate) async fn play(client: Client, hello: String, autoscale: String) -> Result<()> {
    let stage = Stage::set(client, hello, autoscale).await?;
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
    report.publish(&workspace::target().join("demo"))?;
    if !report.missed.is_empty() {
        bail!("{}", report.missed.join("\n"));
    }
    Ok(())
}
