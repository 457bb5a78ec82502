//! `cargo xtask bench control-plane`: what a service takes from its creation to Ready, on a cluster with Ebb installed.
//!
//! Everything is seen from outside: the service's own conditions, the API server's metrics, the kubelet's statistics.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures::future::try_join_all;
use http::Request;
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use super::page;
use crate::cluster::Name;
use crate::images::{self, Profile};
use crate::install::Target;
use crate::manifests;
use crate::progress::Step;

const NAMESPACE: &str = "ebb-bench";
/// Services created one after the other; the median counts.
const ALONE: usize = 5;
/// Services created in one moment.
const AT_ONCE: usize = 10;
/// How long anything may take. Upstream needs two minutes to see a failed pull.
const WITHIN: Duration = Duration::from_secs(180);
/// An image that no registry has.
const NO_IMAGE: &str = "dev.local/ebb/no-such-image:1";

/// Options of `cargo xtask bench control-plane`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Our own cluster to use if there is no current kubeconfig.
    #[arg(long, default_value = "ebb")]
    name: Name,
    /// Cargo profile of the sample image, which must be on the nodes.
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// Puts the table into docs/benchmarks.md
    #[arg(long)]
    write: bool,
}

/// What came out.
struct Figures {
    alone: Duration,
    at_once: Duration,
    requests: f64,
    reviews: f64,
    failed_pull: Duration,
    memory_bytes: u64,
}

/// Runs the bench and prints its table.
pub(super) async fn run(args: Args) -> Result<()> {
    let client = Target::current(&args.name).await?.client;
    let image = images::packed_last(args.profile)?
        .into_iter()
        .find(|image| image.name == "hello")
        .context("the hello sample is not built: run `cargo xtask images`")?
        .reference;
    let namespaces = Api::<Namespace>::all(client.clone());
    let namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE } }))?;
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .with_context(|| format!("cannot create namespace {NAMESPACE}"))?;
    let measured = measure(&client, &image).await;
    namespaces
        .delete(NAMESPACE, &DeleteParams::default())
        .await
        .with_context(|| format!("cannot delete namespace {NAMESPACE}"))?;
    let text = measured?.text();
    println!("{text}");
    if args.write {
        page::write("control-plane", &text)?;
    }
    Ok(())
}

async fn measure(client: &Client, image: &str) -> Result<Figures> {
    let memory_bytes = memory(client).await?;

    let step = Step::begin(format!("{ALONE} services, one after the other"));
    let before = Counters::read(client).await?;
    let mut times = Vec::new();
    for number in 0..ALONE {
        times.push(create(client, &format!("alone-{number}"), image, "True").await?);
    }
    let after = Counters::read(client).await?;
    step.done();
    times.sort();

    let step = Step::begin(format!("{AT_ONCE} services at once"));
    let names: Vec<_> = (0..AT_ONCE)
        .map(|number| format!("crowd-{number}"))
        .collect();
    let crowd = names.iter().map(|name| create(client, name, image, "True"));
    let at_once = try_join_all(crowd)
        .await?
        .into_iter()
        .max()
        .unwrap_or_default();
    step.done();

    let step = Step::begin("a service whose image does not exist");
    let failed_pull = create(client, "no-image", NO_IMAGE, "False").await?;
    step.done();

    Ok(Figures {
        alone: times[ALONE / 2],
        at_once,
        requests: (after.requests - before.requests) / ALONE as f64,
        reviews: (after.reviews - before.reviews) / ALONE as f64,
        failed_pull,
        memory_bytes,
    })
}

/// Creates a service and returns the time until `Ready` has the wanted status.
async fn create(
    client: &Client,
    name: &str,
    image: &str,
    wanted: &'static str,
) -> Result<Duration> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(
        "serving.knative.dev",
        "v1",
        "Service",
    ));
    let services = Api::<DynamicObject>::namespaced_with(client.clone(), NAMESPACE, &kind);
    let service = serde_json::from_value(json!({
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": { "name": name },
        "spec": { "template": { "spec": { "containers": [{ "image": image }] } } },
    }))?;
    let begun = Instant::now();
    services
        .create(&PostParams::default(), &service)
        .await
        .with_context(|| format!("cannot create service {name}"))?;
    let settled = await_condition(services, name, move |service: Option<&DynamicObject>| {
        service.is_some_and(|service| ready(service) == Some(wanted))
    });
    match tokio::time::timeout(WITHIN, settled).await {
        Ok(Ok(_)) => Ok(begun.elapsed()),
        Ok(Err(error)) => Err(error).with_context(|| format!("cannot watch service {name}")),
        Err(_) => bail!(
            "service {name} is not Ready={wanted} after {} s; see `kubectl -n {NAMESPACE} describe ksvc {name}`",
            WITHIN.as_secs()
        ),
    }
}

fn ready(service: &DynamicObject) -> Option<&str> {
    let conditions = service.data["status"]["conditions"].as_array()?;
    let ready = conditions.iter().find(|one| one["type"] == "Ready")?;
    ready["status"].as_str()
}

/// Counters of the API server.
struct Counters {
    requests: f64,
    reviews: f64,
}

impl Counters {
    async fn read(client: &Client) -> Result<Self> {
        let request = Request::get("/metrics").body(Vec::new())?;
        let text = client
            .request_text(request)
            .await
            .context("cannot read the API server's metrics")?;
        Ok(Self {
            requests: sum(&text, "apiserver_request_total", |labels| {
                let skipped = [
                    r#"verb="WATCH""#,
                    r#"resource="leases""#,
                    r#"resource="nodes""#,
                ];
                labels.contains("resource=\"")
                    && !skipped.iter().any(|one| labels.contains(one))
                    && !labels.contains(r#"resource="events""#)
            }),
            reviews: sum(
                &text,
                "apiserver_admission_webhook_request_total",
                |labels| labels.contains("serving.knative.dev"),
            ),
        })
    }
}

/// Sum of a counter over the label sets that are wanted.
fn sum(metrics: &str, name: &str, wanted: impl Fn(&str) -> bool) -> f64 {
    metrics
        .lines()
        .filter_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix('{')?
                .rsplit_once("} ")
        })
        .filter(|(labels, _)| wanted(labels))
        .filter_map(|(_, value)| value.trim().parse::<f64>().ok())
        .sum()
}

/// Resident memory of all containers in our namespace, in bytes.
async fn memory(client: &Client) -> Result<u64> {
    let nodes = Api::<Node>::all(client.clone());
    let mut bytes = 0;
    for node in nodes.list(&ListParams::default()).await? {
        let name = node.metadata.name.unwrap_or_default();
        let path = format!("/api/v1/nodes/{name}/proxy/stats/summary");
        let summary: Value = client
            .request(Request::get(path).body(Vec::new())?)
            .await
            .with_context(|| format!("cannot read the statistics of node {name}"))?;
        let pods = summary["pods"].as_array().into_iter().flatten();
        bytes += pods
            .filter(|pod| pod["podRef"]["namespace"] == manifests::NAMESPACE)
            .flat_map(|pod| pod["containers"].as_array().into_iter().flatten())
            .filter_map(|container| container["memory"]["rssBytes"].as_u64())
            .sum::<u64>();
    }
    Ok(bytes)
}

impl Figures {
    /// The table as Markdown, which also reads well in a terminal.
    fn text(&self) -> String {
        let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
        let rows = [
            ("create → Ready, median", ms(self.alone), "1746 ms"),
            (
                "ten at once, the last one Ready",
                ms(self.at_once),
                "5300 ms",
            ),
            (
                "API requests a service, at most",
                format!("{:.0}", self.requests),
                "128",
            ),
            (
                "webhook calls a service",
                format!("{:.0}", self.reviews),
                "102",
            ),
            ("failed pull shows after", ms(self.failed_pull), "121000 ms"),
            (
                "memory of all programs, no service",
                format!("{:.0} MiB", self.memory_bytes as f64 / f64::from(1 << 20)),
                "395 MiB",
            ),
        ];
        let mut text = "| | Ebb | upstream |\n|---|---:|---:|\n".to_owned();
        for (what, ours, theirs) in rows {
            writeln!(text, "| {what} | {ours} | {theirs} |").expect("text can grow");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_the_wanted_labels_only() {
        let text = "# HELP a b\na{verb=\"GET\"} 2\na{verb=\"PUT\"} 3\na{verb=\"WATCH\"} 5\nab{verb=\"GET\"} 7\n";
        assert_eq!(sum(text, "a", |labels| !labels.contains("WATCH")), 5.0);
    }
}
