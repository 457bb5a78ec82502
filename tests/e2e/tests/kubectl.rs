//! What the real kubectl shows of our kinds: explanations, columns, short names, categories.
//!
//! The texts are snapshots, beside this file in `snapshots/`. What differs from run to run is made the same first: the
//! random end of the namespace's name, ages, and white space at the ends of lines.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::kubectl::Kubectl;
use ebb_e2e::wait::eventually;
use ebb_e2e::{Ksvc, Stage, cluster, play};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DynamicObject, PostParams};
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Value, json};

/// Every kind, by what users call it.
const KINDS: [&str; 12] = [
    "ksvc",
    "configurations.serving.knative.dev",
    "revisions.serving.knative.dev",
    "routes.serving.knative.dev",
    "domainmappings",
    "kpa",
    "metrics.autoscaling.internal.knative.dev",
    "sks",
    "king",
    "kcert",
    "cdc",
    "images.caching.internal.knative.dev",
];
/// Fields whose explanation users look up.
const FIELDS: [&str; 4] = [
    "ksvc.spec.template.spec",
    "ksvc.spec.template.spec.containers",
    "ksvc.spec.traffic",
    "ksvc.status",
];
/// How long objects may take to show what they will show from then on.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn every_kind_is_explained() {
    play("explain", async |stage| {
        let kubectl = Kubectl::new(&stage.namespace)?;
        let mut kinds = String::new();
        for kind in KINDS {
            let text = kubectl.print(&["explain", kind]).await?;
            ensure!(!text.contains("<empty>"), "{kind} is not explained");
            kinds += &text;
        }
        insta::assert_snapshot!("explain_kinds", tidy(&kinds));
        for field in FIELDS {
            let text = kubectl.print(&["explain", field]).await?;
            insta::assert_snapshot!(format!("explain_{field}"), tidy(&text));
        }
        let text = kubectl.print(&["explain", "ksvc", "--recursive"]).await?;
        insta::assert_snapshot!("explain_ksvc_recursive", tidy(&text));
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn kinds_have_their_short_names_and_categories() {
    play("api-resources", async |stage| {
        let kubectl = Kubectl::new(&stage.namespace)?;
        let text = kubectl
            .print(&["api-resources", "-o", "wide", "--sort-by=name"])
            .await?;
        let ours: Vec<String> = text
            .lines()
            .filter(|line| line.contains("knative.dev/"))
            .map(columns)
            .collect();
        insta::assert_snapshot!("api_resources", ours.join("\n"));
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn objects_show_the_columns_that_users_know() {
    play("columns", async |stage| {
        let host = format!("{}.example.org", stage.namespace);
        claim(stage, &host).await?;
        show(stage, &host).await
    })
    .await;
}

async fn show(stage: &Stage, host: &str) -> Result<()> {
    // Without a burst to be ready for, the activators leave the way, and nothing changes any more.
    let service = Ksvc::new("hello", &stage.cluster.hello)
        .scaling("min-scale", 1)
        .scaling("target-burst-capacity", 0);
    stage.deploy(&service).await?;
    create(stage, mapping(host)).await?;
    let unclaimed = format!("no-{host}");
    create(stage, mapping(&unclaimed)).await?;
    create(
        stage,
        json!({
            "apiVersion": "networking.internal.knative.dev/v1alpha1",
            "kind": "Certificate",
            "metadata": {"name": "hello", "annotations": {"networking.knative.dev/certificate.class": "nobody"}},
            "spec": {"dnsNames": [host], "secretName": "hello"},
        }),
    )
    .await?;
    stage
        .settled("DomainMapping", host, "Ready", "True", None)
        .await?;
    stage
        .settled("DomainMapping", &unclaimed, "Ready", "False", None)
        .await?;
    eventually(
        "the activators are out of the way",
        SETTLED_WITHIN,
        async || {
            let mode = stage.mode("hello-00001").await?;
            let scale =
                &stage.get("PodAutoscaler", "hello-00001").await?.data["status"]["actualScale"];
            let revision =
                &stage.get("Revision", "hello-00001").await?.data["status"]["actualReplicas"];
            let now = json!([mode, scale, revision]);
            Ok(if now == json!(["Serve", 1, 1]) {
                Ok(())
            } else {
                Err(now.to_string())
            })
        },
    )
    .await?;

    let kubectl = Kubectl::new(&stage.namespace)?;
    let named = "ksvc,configurations,revisions,routes,domainmappings,kpa,sks,king";
    let internal =
        "metrics.autoscaling.internal.knative.dev,kcert,images.caching.internal.knative.dev";
    for (name, arguments) in [
        ("get_wide", ["get", named, "-o", "wide"].as_slice()),
        ("get_knative", &["get", "knative"]),
        ("get_serving", &["get", "serving"]),
        ("get_internal", &["get", internal, "-o", "wide"]),
        ("get_domain_claim", &["get", "cdc", host]),
    ] {
        let text = kubectl.print(arguments).await?;
        insta::assert_snapshot!(name, settled(&text, stage)?);
    }
    Ok(())
}

fn mapping(host: &str) -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1beta1",
        "kind": "DomainMapping",
        "metadata": {"name": host},
        "spec": {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello"}},
    })
}

/// Claims a domain. A claim belongs to no namespace, so it is made to go with the stage's.
async fn claim(stage: &Stage, host: &str) -> Result<()> {
    let client = &stage.cluster.client;
    let namespace = Api::<Namespace>::all(client.clone())
        .get(&stage.namespace)
        .await?;
    let resource = cluster::resource("ClusterDomainClaim");
    let mut claim =
        DynamicObject::new(host, &resource).data(json!({"spec": {"namespace": stage.namespace}}));
    claim
        .owner_references_mut()
        .extend(namespace.owner_ref(&()));
    Api::all_with(client.clone(), &resource)
        .create(&PostParams::default(), &claim)
        .await?;
    Ok(())
}

async fn create(stage: &Stage, manifest: Value) -> Result<()> {
    let object: DynamicObject = serde_json::from_value(manifest)?;
    let kind = object
        .types
        .as_ref()
        .map(|types| types.kind.clone())
        .unwrap_or_default();
    let created = stage
        .api(&kind)
        .create(&PostParams::default(), &object)
        .await;
    created.with_context(|| format!("{kind} {:?}", object.meta().name))?;
    Ok(())
}

/// A table with the words that change from run to run made the same. They keep their length, and so the columns theirs.
fn settled(table: &str, stage: &Stage) -> Result<String> {
    let (kept, random) = stage
        .namespace
        .rsplit_once('-')
        .context("the namespace has no random end")?;
    let table = table.replace(
        &stage.namespace,
        &format!("{kept}-{}", "x".repeat(random.len())),
    );
    let lines: Vec<String> = table.lines().map(without_age).collect();
    Ok(tidy(&lines.join("\n")))
}

/// An age stands at the end of its line, if there is one.
fn without_age(line: &str) -> String {
    let is_age = |word: &str| {
        word.ends_with(['s', 'm', 'h'])
            && word.starts_with(|c: char| c.is_ascii_digit())
            && word
                .chars()
                .all(|c| c.is_ascii_digit() || "smh".contains(c))
    };
    match line.rsplit_once(' ') {
        Some((rest, age)) if is_age(age) => format!("{rest} AGE"),
        _ => line.to_owned(),
    }
}

fn tidy(text: &str) -> String {
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A line of a table whose widths depend on kinds that are not ours.
fn columns(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join("  ")
}
