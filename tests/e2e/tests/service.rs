//! A Service from its creation to its end: what it is made of, what it answers, how it changes.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::prober::{Pace, Prober};
use ebb_e2e::service::{condition, host, host_of, revision};
use ebb_e2e::wait::eventually;
use ebb_e2e::{Ksvc, Stage, play};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams};
use kube::{Resource, ResourceExt as _};
use serde_json::{Value, json};

/// How long everything may take to go. Pods have half a minute to end in peace.
const GONE_WITHIN: Duration = Duration::from_secs(120);
/// Requests by which a split is judged.
const SPLIT_REQUESTS: usize = 200;

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn the_first_request_after_ready_is_answered() {
    play("hello", async |stage| {
        let service = stage
            .deploy(&Ksvc::new("hello", &stage.cluster.hello).env("TARGET", "you"))
            .await?;
        let answer = stage.cluster.gateway.ok(&host(&service)?, "/").await?;
        ensure!(answer.text() == "Hello you!", "{}", answer.text());
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn a_service_consists_of_what_users_know() {
    play("shape", async |stage| {
        let service = stage
            .deploy(&Ksvc::new("shape", &stage.cluster.hello))
            .await?;
        let configuration = stage.get("Configuration", "shape").await?;
        let route = stage.get("Route", "shape").await?;
        // Ready does not wait for this one.
        let revision = stage
            .settled("Revision", "shape-00001", "Active", "True", None)
            .await?;

        for (object, expected) in [
            (
                &service,
                &["ConfigurationsReady", "Ready", "RoutesReady"][..],
            ),
            (&configuration, &["Ready"]),
            (
                &route,
                &[
                    "AllTrafficAssigned",
                    "CertificateProvisioned",
                    "IngressReady",
                    "Ready",
                ],
            ),
            (
                &revision,
                &["Active", "ContainerHealthy", "Ready", "ResourcesAvailable"],
            ),
        ] {
            let expected: BTreeSet<&str> = expected.iter().copied().collect();
            ensure!(
                conditions_true(object) == expected,
                "{} has {}",
                object.name_any(),
                object.data["status"]["conditions"]
            );
            ensure!(object.data["status"]["observedGeneration"] == 1);
        }

        ensure!(service.data["status"]["latestReadyRevisionName"] == "shape-00001");
        ensure!(configuration.data["status"]["latestCreatedRevisionName"] == "shape-00001");
        ensure!(
            service.data["status"]["traffic"]
                == json!([{"latestRevision": true, "percent": 100, "revisionName": "shape-00001"}]),
            "traffic is {}",
            service.data["status"]["traffic"]
        );
        let url = format!("http://shape.{}.svc.cluster.local", stage.namespace);
        ensure!(service.data["status"]["address"]["url"] == url.as_str());

        for (object, owner) in [
            (&configuration, "Service"),
            (&route, "Service"),
            (&revision, "Configuration"),
        ] {
            let owners = object.owner_references();
            ensure!(owners.len() == 1 && owners[0].kind == owner);
            ensure!(owners[0].controller == Some(true));
            ensure!(
                object
                    .labels()
                    .get("serving.knative.dev/service")
                    .map(String::as_str)
                    == Some("shape")
            );
        }
        let labels = revision.labels();
        let label = |name: &str| labels.get(name).map(String::as_str);
        ensure!(label("serving.knative.dev/configuration") == Some("shape"));
        ensure!(label("serving.knative.dev/configurationGeneration") == Some("1"));
        ensure!(label("serving.knative.dev/routingState") == Some("active"));

        children(stage).await
    })
    .await;
}

/// What a revision and a route are made of, by the names that users' tools rely on.
async fn children(stage: &Stage) -> Result<()> {
    let client = || stage.cluster.client.clone();
    let deployment = Api::<Deployment>::namespaced(client(), &stage.namespace)
        .get("shape-00001-deployment")
        .await?;
    let containers: Vec<String> = deployment
        .spec
        .and_then(|spec| spec.template.spec)
        .context("the Deployment has no pods")?
        .containers
        .into_iter()
        .map(|container| container.name)
        .collect();
    ensure!(
        containers == ["user-container", "queue-proxy"],
        "containers are {containers:?}"
    );
    let services = Api::<Service>::namespaced(client(), &stage.namespace);
    for name in ["shape", "shape-00001", "shape-00001-private"] {
        services
            .get(name)
            .await
            .with_context(|| format!("Service {name}"))?;
    }
    for kind in ["PodAutoscaler", "ServerlessService", "Metric"] {
        stage.get(kind, "shape-00001").await?;
    }
    stage.get("Ingress", "shape").await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn an_update_loses_no_request() {
    play("update", async |stage| {
        let gateway = stage.cluster.gateway;
        let service = stage
            .deploy(&Ksvc::new("update", &stage.cluster.hello).env("TARGET", "old"))
            .await?;
        let host = host(&service)?;
        let mut prober = Prober::start(gateway, &host, "/", Pace::TightLoop);
        prober.send_more(50).await?;

        // Another image, and then another setting of it.
        for target in ["new", "newer"] {
            stage
                .deploy(&Ksvc::new("update", &stage.cluster.autoscale).env("TARGET", target))
                .await?;
            let answer = gateway.ok(&host, "/").await?;
            ensure!(
                answer.text().contains(&format!("target {target}\n"))
                    || answer.text().starts_with(&format!("target {target}")),
                "right after the update: {}",
                answer.text()
            );
            prober.send_more(50).await?;
        }

        let tally = prober.finish().await?;
        tally.nothing_lost()?;
        eprintln!(
            "{} requests during two updates, the slowest took {:?}",
            tally.sent, tally.slowest
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn traffic_is_split_and_tags_have_hosts() {
    play("split", async |stage| {
        let gateway = stage.cluster.gateway;
        let image = &stage.cluster.autoscale;
        stage
            .deploy(&Ksvc::new("split", image).env("TARGET", "blue"))
            .await?;
        let service = stage
            .deploy(
                &Ksvc::new("split", image)
                    .env("TARGET", "green")
                    .traffic(json!({"revisionName": "split-00001", "percent": 50, "tag": "blue"}))
                    .traffic(json!({"latestRevision": true, "percent": 50, "tag": "green"})),
            )
            .await?;

        let mut connection = gateway.connect().await?;
        let host = host(&service)?;
        let mut first = 0;
        for _ in 0..SPLIT_REQUESTS {
            let answer = connection.get(&host, "/").await?;
            ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
            first += usize::from(answer.revision() == "split-00001");
        }
        eprintln!("{first} of {SPLIT_REQUESTS} requests went to the first of two halves");
        // A fair coin stays within this range but once in 10^12 times.
        ensure!((SPLIT_REQUESTS / 4..=SPLIT_REQUESTS * 3 / 4).contains(&first));

        for target in service.data["status"]["traffic"]
            .as_array()
            .context("no traffic")?
        {
            let host = host_of(&target["url"])?;
            ensure!(
                host.starts_with(&format!("{}-split.", target["tag"].as_str().unwrap_or("?"))),
                "tag {} has host {host}",
                target["tag"]
            );
            let answer = gateway.ok(&host, "/").await?;
            ensure!(target["revisionName"] == answer.revision());
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn a_name_chosen_for_a_revision_stays_with_it() {
    play("byo-name", async |stage| {
        let named = |target: &str| -> Value {
            json!({
                "apiVersion": "serving.knative.dev/v1",
                "kind": "Service",
                "metadata": {"name": "named"},
                "spec": {"template": {
                    "metadata": {"name": "named-mine"},
                    "spec": {"containers": [{
                        "image": stage.cluster.hello,
                        "env": [{"name": "TARGET", "value": target}],
                    }]},
                }},
            })
        };
        let services = stage.api("Service");
        let create: DynamicObject = serde_json::from_value(named("one"))?;
        services.create(&Default::default(), &create).await?;
        let service = stage
            .settled("Service", "named", "Ready", "True", Some(1))
            .await?;
        ensure!(revision(&service)? == "named-mine");

        let patch = kube::api::Patch::Merge(json!({"spec": named("two")["spec"]}));
        let refused = services.patch("named", &Default::default(), &patch).await;
        ensure!(refused.is_err(), "another template may not take the name");
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn deleting_a_service_leaves_nothing() {
    play("delete", async |stage| {
        stage
            .deploy(&Ksvc::new("gone", &stage.cluster.hello))
            .await?;
        stage
            .api("Service")
            .delete("gone", &DeleteParams::default())
            .await?;
        eventually("everything goes", GONE_WITHIN, async || {
            let left = everything(stage).await?;
            Ok(if left.is_empty() {
                Ok(())
            } else {
                Err(left.join(", "))
            })
        })
        .await
    })
    .await;
}

/// Every object in the stage's namespace that could come from a Service.
async fn everything(stage: &Stage) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for kind in [
        "Service",
        "Configuration",
        "Revision",
        "Route",
        "PodAutoscaler",
        "Metric",
        "ServerlessService",
        "Ingress",
        "Image",
    ] {
        let found = stage.api(kind).list(&ListParams::default()).await?;
        left.extend(found.iter().map(|one| format!("{kind} {}", one.name_any())));
    }
    left.extend(named::<Deployment>(stage).await?);
    left.extend(named::<ReplicaSet>(stage).await?);
    left.extend(named::<Pod>(stage).await?);
    left.extend(named::<Service>(stage).await?);
    left.extend(named::<EndpointSlice>(stage).await?);
    Ok(left)
}

async fn named<K>(stage: &Stage) -> Result<Vec<String>>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let api = Api::<K>::namespaced(stage.cluster.client.clone(), &stage.namespace);
    let found = api.list(&ListParams::default()).await?;
    Ok(found
        .iter()
        .map(|one| format!("{} {}", K::kind(&()), one.name_any()))
        .collect())
}

/// The types of all conditions that are True.
fn conditions_true(object: &DynamicObject) -> BTreeSet<&str> {
    object.data["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["type"].as_str())
        .filter(|kind| condition(object, kind)["status"] == "True")
        .collect()
}
