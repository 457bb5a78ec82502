//! `config-deployment`: how a revision's Deployment is made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Deserialize;

use super::Settings;
use super::reader::{Reader, yaml};
use crate::{go, syntax};

/// The settings. The default has no image and does not pass the parser: the image must be given.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// Image of queue-proxy.
    pub queue_sidecar_image: String,
    /// Registries whose tags are left as they are.
    pub registries_skipping_tag_resolving: BTreeSet<String>,
    /// The longest look-up of one image.
    pub digest_resolution_timeout: Duration,
    /// How long a Deployment may take, in whole seconds.
    pub progress_deadline: Duration,
    /// CPU request of queue-proxy.
    pub queue_sidecar_cpu_request: Option<Quantity>,
    /// CPU limit of queue-proxy.
    pub queue_sidecar_cpu_limit: Option<Quantity>,
    /// Memory request of queue-proxy.
    pub queue_sidecar_memory_request: Option<Quantity>,
    /// Memory limit of queue-proxy.
    pub queue_sidecar_memory_limit: Option<Quantity>,
    /// Ephemeral-storage request of queue-proxy.
    pub queue_sidecar_ephemeral_storage_request: Option<Quantity>,
    /// Ephemeral-storage limit of queue-proxy.
    pub queue_sidecar_ephemeral_storage_limit: Option<Quantity>,
    /// Audiences of the tokens mounted into queue-proxy.
    pub queue_sidecar_token_audiences: BTreeSet<String>,
    /// `ROOT_CA` of queue-proxy.
    pub queue_sidecar_rootca: String,
    /// Lowest TLS version of queue-proxy; empty for its own default.
    pub queue_sidecar_tls_min_version: String,
    /// Highest TLS version of queue-proxy.
    pub queue_sidecar_tls_max_version: String,
    /// Cipher suites of queue-proxy, separated by commas.
    pub queue_sidecar_tls_cipher_suites: String,
    /// Key-exchange groups of queue-proxy, separated by commas.
    pub queue_sidecar_tls_curve_preferences: String,
    /// Affinity of pods whose revision has none.
    pub default_affinity_type: Affinity,
    /// Runtime classes and the revisions they are for.
    pub runtime_class_name: BTreeMap<String, RuntimeClass>,
    /// Whether a pod that cannot be scheduled yet says nothing about its revision.
    pub pod_is_always_schedulable: bool,
}

/// Where pods of a revision prefer to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Affinity {
    /// Spread over nodes.
    #[default]
    PreferSpreadRevisionOverNodes,
    /// Anywhere.
    None,
}

impl Affinity {
    /// Whether pods of one revision avoid each other's nodes.
    #[must_use]
    pub fn spreads(self) -> bool {
        self == Self::PreferSpreadRevisionOverNodes
    }
}

/// The revisions that a runtime class is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeClass {
    /// Labels the Revision must carry; none matches all.
    pub selector: BTreeMap<String, String>,
}

/// A runtime class as operators write it.
#[derive(Default, Deserialize)]
#[serde(expecting = "a map")]
struct WrittenClass {
    selector: Option<BTreeMap<String, String>>,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            queue_sidecar_image: String::new(),
            registries_skipping_tag_resolving: ["kind.local", "ko.local", "dev.local"]
                .map(str::to_owned)
                .into(),
            digest_resolution_timeout: Duration::from_secs(10),
            progress_deadline: Duration::from_secs(600),
            queue_sidecar_cpu_request: Some(Quantity("25m".to_owned())),
            queue_sidecar_cpu_limit: None,
            queue_sidecar_memory_request: None,
            queue_sidecar_memory_limit: None,
            queue_sidecar_ephemeral_storage_request: None,
            queue_sidecar_ephemeral_storage_limit: None,
            queue_sidecar_token_audiences: BTreeSet::new(),
            queue_sidecar_rootca: String::new(),
            queue_sidecar_tls_min_version: String::new(),
            queue_sidecar_tls_max_version: String::new(),
            queue_sidecar_tls_cipher_suites: String::new(),
            queue_sidecar_tls_curve_preferences: String::new(),
            default_affinity_type: Affinity::default(),
            runtime_class_name: BTreeMap::new(),
            pod_is_always_schedulable: false,
        }
    }
}

impl Deployment {
    /// The runtime class for a Revision with these labels: the one with the most labels in its
    /// selector, then the one whose name sorts first.
    #[must_use]
    pub fn runtime_class_for(&self, labels: &BTreeMap<String, String>) -> Option<&str> {
        let matches =
            |class: &RuntimeClass| class.selector.iter().all(|(k, v)| labels.get(k) == Some(v));
        let mut best: Option<(&str, usize)> = None;
        for (name, class) in self
            .runtime_class_name
            .iter()
            .filter(|(_, class)| matches(class))
        {
            if best.is_none_or(|(_, most)| class.selector.len() > most) {
                best = Some((name, class.selector.len()));
            }
        }
        best.map(|(name, _)| name)
    }
}

impl Settings for Deployment {
    const NAME: &'static str = "config-deployment";

    fn read(r: &mut Reader<'_>) -> Self {
        let mut s = Self::default();
        let mut digest = SignedDuration::from_secs(10);
        let mut deadline = SignedDuration::from_secs(600);

        r.read(
            &["queueSidecarImage", "queue-sidecar-image"],
            &mut s.queue_sidecar_image,
        );
        r.read(&["progressDeadline", "progress-deadline"], &mut deadline);
        r.read(
            &["digestResolutionTimeout", "digest-resolution-timeout"],
            &mut digest,
        );
        r.read(
            &[
                "registriesSkippingTagResolving",
                "registries-skipping-tag-resolving",
            ],
            &mut s.registries_skipping_tag_resolving,
        );
        for (legacy, key, quantity) in [
            (
                "queueSidecarCPURequest",
                "queue-sidecar-cpu-request",
                &mut s.queue_sidecar_cpu_request,
            ),
            (
                "queueSidecarMemoryRequest",
                "queue-sidecar-memory-request",
                &mut s.queue_sidecar_memory_request,
            ),
            (
                "queueSidecarEphemeralStorageRequest",
                "queue-sidecar-ephemeral-storage-request",
                &mut s.queue_sidecar_ephemeral_storage_request,
            ),
            (
                "queueSidecarCPULimit",
                "queue-sidecar-cpu-limit",
                &mut s.queue_sidecar_cpu_limit,
            ),
            (
                "queueSidecarMemoryLimit",
                "queue-sidecar-memory-limit",
                &mut s.queue_sidecar_memory_limit,
            ),
            (
                "queueSidecarEphemeralStorageLimit",
                "queue-sidecar-ephemeral-storage-limit",
                &mut s.queue_sidecar_ephemeral_storage_limit,
            ),
        ] {
            r.read(&[legacy, key], quantity);
        }
        r.read(
            &["queue-sidecar-token-audiences"],
            &mut s.queue_sidecar_token_audiences,
        );
        s.queue_sidecar_token_audiences.remove("");
        for (key, text) in [
            ("queue-sidecar-rootca", &mut s.queue_sidecar_rootca),
            (
                "queue-sidecar-tls-min-version",
                &mut s.queue_sidecar_tls_min_version,
            ),
            (
                "queue-sidecar-tls-max-version",
                &mut s.queue_sidecar_tls_max_version,
            ),
            (
                "queue-sidecar-tls-cipher-suites",
                &mut s.queue_sidecar_tls_cipher_suites,
            ),
            (
                "queue-sidecar-tls-curve-preferences",
                &mut s.queue_sidecar_tls_curve_preferences,
            ),
        ] {
            r.read(&[key], text);
        }
        r.read(
            &["pod-is-always-schedulable"],
            &mut s.pod_is_always_schedulable,
        );
        r.require(
            !s.queue_sidecar_image.is_empty(),
            &["queue-sidecar-image"],
            || "queue-sidecar-image cannot be empty or unset".to_owned(),
        );
        let positive = |r: &mut Reader<'_>, key: &str, value: SignedDuration| {
            r.require(value > SignedDuration::ZERO, &[key], || {
                format!(
                    "{key} cannot be a non-positive duration, was {}",
                    go::duration(value)
                )
            });
        };
        positive(r, "progress-deadline", deadline);
        r.require(deadline.subsec_nanos() == 0, &["progress-deadline"], || {
            format!(
                "progress-deadline must be rounded to a whole second, was: {}",
                go::duration(deadline)
            )
        });
        positive(r, "digest-resolution-timeout", digest);
        s.digest_resolution_timeout = digest.unsigned_abs();
        s.progress_deadline = deadline.unsigned_abs();
        s.default_affinity_type = affinity(r);
        s.runtime_class_name = runtime_classes(r);
        s
    }
}

fn affinity(r: &mut Reader<'_>) -> Affinity {
    let key = "default-affinity-type";
    match r.raw(key) {
        None | Some("prefer-spread-revision-over-nodes") => Affinity::PreferSpreadRevisionOverNodes,
        Some("none") => Affinity::None,
        Some(other) => {
            r.refuse(
                key,
                format!("unsupported {key} value: {}", go::quote(other)),
            )
            .hint("must be prefer-spread-revision-over-nodes or none");
            Affinity::default()
        }
    }
}

fn runtime_classes(r: &mut Reader<'_>) -> BTreeMap<String, RuntimeClass> {
    let key = "runtime-class-name";
    let written: BTreeMap<String, Option<WrittenClass>> = match yaml(r.raw(key).unwrap_or_default())
    {
        Ok(classes) => classes.unwrap_or_default(),
        Err(cause) => {
            r.refuse(
                key,
                format!("{key} cannot be parsed, please check the format: {cause}"),
            );
            return BTreeMap::new();
        }
    };
    let mut classes = BTreeMap::new();
    for (name, class) in written {
        let selector = class.unwrap_or_default().selector.unwrap_or_default();
        let faults = syntax::dns1123_subdomain(&name);
        r.require(faults.is_empty(), &[key], || {
            format!(
                "{key} {name} selector not valid DNSSubdomain: {}",
                go::list(&faults)
            )
        });
        let faults: Vec<String> = selector
            .iter()
            .flat_map(|(k, v)| {
                syntax::qualified_name(k)
                    .into_iter()
                    .chain(syntax::label_value(v))
            })
            .collect();
        r.require(faults.is_empty(), &[key], || {
            format!("{key} {name} selector invalid: {}", faults.join(", "))
        });
        classes.insert(name, RuntimeClass { selector });
    }
    classes
}
