//! `cargo xtask manifests` and `crds`: what an installation consists of, from one source.
//!
//! ```text
//! ebb_core::crd ──► crds ─────────► config/crd/*.yaml, charts/ebb/crds/
//! the files here ──► objects(settings) ──► deploy/ebb.yaml, charts/ebb/templates/ (settings become values)
//!                                     └──► cargo xtask install
//! ```
//!
//! Objects are built as typed values, so a misspelt field does not compile. Nothing is read from a cluster here.

mod chart;
mod config_maps;
mod disruption;
mod files;
mod labels;
mod object;
mod programs;
mod rbac;
mod services;
mod settings;
mod user_roles;
mod webhooks;
mod workload;

use anyhow::Result;
use k8s_openapi::api::core::v1::Namespace;
use serde_json::json;

pub(crate) use config_maps::example;
pub(crate) use object::Object;
pub(crate) use settings::{NAMESPACE, Settings, VERSION};
pub(crate) use webhooks::CONFIG_VALIDATION;

/// Options of `cargo xtask manifests` and of `cargo xtask crds`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if a file is not what would be written.
    #[arg(long)]
    check: bool,
}

/// Runs `cargo xtask crds`.
pub(crate) fn run_crds(args: &Args) -> Result<()> {
    files::settle(&files::crd_files()?, args.check)
}

/// Runs `cargo xtask manifests`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut files = files::crd_files()?;
    files.extend(files::manifests()?);
    files::settle(&files, args.check)
}

/// The custom resource definitions.
pub(crate) fn crds() -> Vec<Object> {
    ebb_core::crd::all().iter().map(Object::new).collect()
}

/// Everything but the custom resource definitions, in an order in which it can be applied.
///
/// Webhook configurations come last: from the moment they are there, objects of ours can only be written while a
/// webhook answers.
pub(crate) fn objects(settings: &Settings) -> Vec<Object> {
    let mut objects = vec![Object::new(&Namespace {
        metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
            name: Some(NAMESPACE.to_owned()),
            labels: Some(labels::map([
                ("app.kubernetes.io/name", "knative-serving"),
                ("app.kubernetes.io/version", VERSION),
            ])),
            ..Default::default()
        },
        ..Default::default()
    })];
    objects.extend(rbac::service_accounts().iter().map(Object::new));
    objects.extend(rbac::cluster_roles().iter().map(Object::new));
    objects.extend(user_roles::all().iter().map(Object::new));
    objects.extend(rbac::cluster_role_bindings().iter().map(Object::new));
    objects.extend(rbac::roles().iter().map(Object::new));
    objects.push(Object::new(&rbac::webhook_role()));
    objects.extend(rbac::role_bindings().iter().map(Object::new));
    objects.extend(config_maps::all(settings).iter().map(Object::new));
    objects.push(Object::new(&webhooks::certificate_secret()));
    objects.push(queue_proxy_image(settings));
    objects.extend(services::all().iter().map(Object::new));
    objects.extend(disruption::all().iter().map(Object::new));
    objects.extend(
        programs::all(settings)
            .iter()
            .map(|program| Object::new(&program.deployment(settings.image(program.name)))),
    );
    objects.push(Object::new(&webhooks::defaulting()));
    objects.push(Object::new(&webhooks::validation()));
    objects.push(Object::new(&webhooks::config_validation()));
    objects
}

/// Asks an image cache, if there is one, to have queue-proxy at hand on every node.
fn queue_proxy_image(settings: &Settings) -> Object {
    Object::untyped(json!({
        "apiVersion": "caching.internal.knative.dev/v1alpha1",
        "kind": "Image",
        "metadata": labels::namespaced("queue-proxy", "queue-proxy"),
        "spec": { "image": settings.image("queue-proxy") },
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_object_is_there_twice() {
        let mut seen = BTreeSet::new();
        for object in objects(&Settings::release()) {
            let identity = (
                object.kind().to_owned(),
                object.namespace().map(str::to_owned),
                object.name().to_owned(),
            );
            assert!(!object.name().is_empty(), "{object:?}");
            assert!(seen.insert(identity.clone()), "{identity:?}");
        }
    }

    #[test]
    fn webhook_configurations_come_after_everything_they_would_refuse() {
        let objects = objects(&Settings::release());
        let first_webhook = objects
            .iter()
            .position(|object| object.kind().ends_with("WebhookConfiguration"))
            .unwrap();
        assert!(
            objects[first_webhook..]
                .iter()
                .all(|object| object.kind().ends_with("WebhookConfiguration"))
        );
    }

    #[test]
    fn every_service_port_is_one_that_its_pods_declare_or_keep_for_later() {
        // The activator's TLS port opens only with encryption between our parts; metrics and profiles likewise.
        const LATER: [i64; 3] = [8112, 9090, 8008];
        let objects = objects(&Settings::release());
        let find = |kind: &str, name: &str| {
            objects
                .iter()
                .find(|object| object.kind() == kind && object.name() == name)
                .unwrap()
                .value()
        };
        for service in objects.iter().filter(|object| object.kind() == "Service") {
            let spec = &service.value()["spec"];
            let program = spec["selector"]["app"].as_str().unwrap();
            let ports =
                &find("Deployment", program)["spec"]["template"]["spec"]["containers"][0]["ports"];
            let declared: Vec<i64> = ports
                .as_array()
                .unwrap()
                .iter()
                .map(|port| port["containerPort"].as_i64().unwrap())
                .collect();
            for port in spec["ports"].as_array().unwrap() {
                let target = port["targetPort"].as_i64().unwrap();
                assert!(
                    declared.contains(&target) || LATER.contains(&target),
                    "{}: {target} is none of {declared:?}",
                    service.name()
                );
            }
        }
    }
}
