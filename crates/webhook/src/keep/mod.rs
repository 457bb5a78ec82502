//! Keeps the serving certificate and the webhook configurations as they should be.
//!
//! ```text
//! Secret webhook-certs ──watch──► every replica shows its certificate
//!         │  ▲
//!         │  └── certificate: the leader makes a new one in time
//!         └────► configurations: the leaders write its authorities, rules, path and selector
//! ```

mod certificate;
mod configurations;

use std::sync::Arc;

use anyhow::Context as _;
use ebb_core::admission::Hook;
use ebb_core::config::{LeaderElection, Settings as _};
use ebb_process::{Stop, Supervisor};
use ebb_runtime::cache::{Cache, Options};
use ebb_runtime::config;
use ebb_runtime::lease::{self, Elector, Leadership, Timing};
use ebb_runtime::reconcile::Controller;
use ebb_runtime::{Key, request};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client};

use crate::certificate as pem;
use crate::settings::Settings;
use crate::tls::Shown;
use certificate::Certificate;
use configurations::Configurations;

/// The Secret with the certificate, made empty by the installation.
const SECRET: &str = "webhook-certs";

/// Starts the watches and the reconcilers. The latter end with `leaving`, the watches with the process.
///
/// # Errors
/// When the settings of the election or the system namespace cannot be read.
pub(crate) async fn start(
    supervisor: &Supervisor,
    client: &Client,
    settings: &Settings,
    shown: &Arc<Shown>,
    leaving: &Stop,
) -> anyhow::Result<()> {
    let namespace = settings.system_namespace.as_str();
    let election = election(client, settings).await?;
    let owner = owner(client, settings).await?;

    let by_name = |name: &str| format!("metadata.name={name}");
    let secrets: Cache<Secret> = Cache::start(
        supervisor,
        Api::namespaced(client.clone(), namespace),
        Options {
            fields: Some(&by_name(SECRET)),
            ..Options::default()
        },
    );
    show_latest(&secrets, shown);

    let host_names = pem::host_names(&settings.name, namespace, &settings.cluster_domain());
    let mutating: Cache<MutatingWebhookConfiguration> = Cache::start(
        supervisor,
        Api::all(client.clone()),
        Options {
            fields: Some(&by_name(Hook::Defaulting.name())),
            ..Options::default()
        },
    );
    let validating: Cache<ValidatingWebhookConfiguration> =
        Cache::start(supervisor, Api::all(client.clone()), Options::default());

    let secret = Key::new(namespace, SECRET);
    let (on_mutating, on_validating) = (secret.clone(), secret.clone());
    let certificate = Controller::new(
        "webhook-certificates",
        Certificate {
            client: client.clone(),
            secrets: secrets.clone(),
            mutating: mutating.clone(),
            validating: validating.clone(),
            host_names,
            waiting: std::sync::Mutex::default(),
        },
        &secrets,
    )
    .watch(&mutating, move |_| [on_mutating.clone()])
    .watch(&validating, move |_| [on_validating.clone()]);
    let configurations = |hook: Hook| Configurations {
        hook,
        client: client.clone(),
        secrets: secrets.clone(),
        secret: secret.clone(),
        mutating: mutating.clone(),
        validating: validating.clone(),
        owner: owner.clone(),
    };
    let on_secret = |hook: Hook| move |_: &Secret| [configurations::key(hook)];
    let defaulting = Controller::new(
        "webhook-defaulting",
        configurations(Hook::Defaulting),
        &mutating,
    )
    .watch(&secrets, on_secret(Hook::Defaulting));
    let validation = Controller::new(
        "webhook-validation",
        configurations(Hook::Validation),
        &validating,
    )
    .watch(&secrets, on_secret(Hook::Validation));
    let config = Controller::new("webhook-config", configurations(Hook::Config), &validating)
        .watch(&secrets, on_secret(Hook::Config));

    let elect = |queue: &str| elect(supervisor, client, settings, &election, queue, leaving);
    let leaderships = [
        elect("WebhookCertificates")?,
        elect("DefaultingWebhook")?,
        elect("ValidationWebhook")?,
        elect("ConfigMapWebhook")?,
    ];
    let leaving = leaving.clone();
    let caches = (secrets, mutating, validating);
    let [for_certificate, for_defaulting, for_validation, for_config] = leaderships;
    let work = async move {
        let ready = async { tokio::join!(caches.0.ready(), caches.1.ready(), caches.2.ready()) };
        tokio::select! {
            _ = ready => {}
            () = leaving.triggered() => return Ok::<_, std::convert::Infallible>(()),
        }
        let runs = tokio::join!(
            certificate.run(for_certificate, leaving.clone()),
            defaulting.run(for_defaulting, leaving.clone()),
            validation.run(for_validation, leaving.clone()),
            config.run(for_config, leaving.clone()),
        );
        runs.0.and(runs.1).and(runs.2).and(runs.3)
    };
    supervisor.spawn("webhook configurations", supervisor.stop().after(work));
    Ok(())
}

/// Shows each certificate from the moment it is seen, on every replica.
fn show_latest(secrets: &Cache<Secret>, shown: &Arc<Shown>) {
    let shown = shown.clone();
    secrets.observe(move |change| {
        // A Secret that is deleted leaves the last certificate, which is still trusted.
        let Some(secret) = change.after() else { return };
        match pem::pair(secret) {
            Ok(pair) => {
                shown.set(Some(pair));
                tracing::info!("serving certificate read");
            }
            Err(error) => {
                tracing::warn!(error = %ebb_process::log::Chain(&error), "no serving certificate yet");
            }
        }
    });
}

/// How the election works. Read once: a change takes effect with the next start.
async fn election(client: &Client, settings: &Settings) -> anyhow::Result<LeaderElection> {
    let name = &settings.config_leader_election_name;
    let namespace = &settings.system_namespace;
    Ok(config::once(client, namespace, name, LeaderElection::parse).await?)
}

fn elect(
    supervisor: &Supervisor,
    client: &Client,
    settings: &Settings,
    election: &LeaderElection,
    queue: &str,
    leaving: &Stop,
) -> anyhow::Result<Leadership> {
    let unnamed = format!("webhook.{queue}");
    let prefix = election.lease_prefixes.get(&unnamed).unwrap_or(&unnamed);
    // One bucket: there is one object to keep.
    let (component, queue) = prefix.split_once('.').unwrap_or((prefix, "leader"));
    let name = lease::name(component, queue, 0, 1);
    let timing = Timing::try_from(election).context("the times of leader election cannot work")?;
    let identity = lease::identity(&settings.pod_name, settings.pod_uid.as_deref());
    let (elector, leadership) = Elector::new(
        client.clone(),
        &settings.system_namespace,
        &name,
        &identity,
        timing,
    );
    let work = elector.run(leaving.clone());
    supervisor.spawn("webhook election", supervisor.stop().after(work));
    Ok(leadership)
}

/// The system namespace as owner, so that the configurations go with it.
async fn owner(client: &Client, settings: &Settings) -> anyhow::Result<Option<OwnerReference>> {
    if settings.disable_namespace_ownership {
        return Ok(None);
    }
    let name = settings.system_namespace.as_str();
    let namespace: Namespace = request::get(client, &Key::new("", name))
        .await
        .with_context(|| format!("cannot read Namespace {name}"))?
        .with_context(|| format!("Namespace {name} does not exist"))?;
    Ok(Some(OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        name: name.to_owned(),
        uid: namespace.metadata.uid.unwrap_or_default(),
        controller: Some(false),
        block_owner_deletion: Some(true),
    }))
}
