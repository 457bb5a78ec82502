//! `config-deployment`: how a revision's Deployment is made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Deserialize;

use super::{Data, Errors, Reader, Settings};
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RuntimeClass {
    /// Labels the Revision must carry; none matches all.
    pub selector: BTreeMap<String, String>,
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

    fn parse(data: &Data) -> Result<Self, Errors> {
        let mut r = Reader::new(data);
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
        r.read(
            &["queueSidecarCPURequest", "queue-sidecar-cpu-request"],
            &mut s.queue_sidecar_cpu_request,
        );
        r.read(
            &["queueSidecarMemoryRequest", "queue-sidecar-memory-request"],
            &mut s.queue_sidecar_memory_request,
        );
        r.read(
            &[
                "queueSidecarEphemeralStorageRequest",
                "queue-sidecar-ephemeral-storage-request",
            ],
            &mut s.queue_sidecar_ephemeral_storage_request,
        );
        r.read(
            &["queueSidecarCPULimit", "queue-sidecar-cpu-limit"],
            &mut s.queue_sidecar_cpu_limit,
        );
        r.read(
            &["queueSidecarMemoryLimit", "queue-sidecar-memory-limit"],
            &mut s.queue_sidecar_memory_limit,
        );
        r.read(
            &[
                "queueSidecarEphemeralStorageLimit",
                "queue-sidecar-ephemeral-storage-limit",
            ],
            &mut s.queue_sidecar_ephemeral_storage_limit,
        );
        r.read(
            &["queue-sidecar-token-audiences"],
            &mut s.queue_sidecar_token_audiences,
        );
        s.queue_sidecar_token_audiences.remove("");
        r.read(&["queue-sidecar-rootca"], &mut s.queue_sidecar_rootca);
        r.read(
            &["queue-sidecar-tls-min-version"],
            &mut s.queue_sidecar_tls_min_version,
        );
        r.read(
            &["queue-sidecar-tls-max-version"],
            &mut s.queue_sidecar_tls_max_version,
        );
        r.read(
            &["queue-sidecar-tls-cipher-suites"],
            &mut s.queue_sidecar_tls_cipher_suites,
        );
        r.read(
            &["queue-sidecar-tls-curve-preferences"],
            &mut s.queue_sidecar_tls_curve_preferences,
        );
        r.read(
            &["pod-is-always-schedulable"],
            &mut s.pod_is_always_schedulable,
        );
        s.default_affinity_type = affinity(&mut r);
        s.runtime_class_name = runtime_classes(&mut r);

        r.require(
            !s.queue_sidecar_image.is_empty(),
            "queue-sidecar-image",
            || "queue-sidecar-image cannot be empty or unset".to_owned(),
        );
        let positive = |r: &mut Reader<'_>, key: &str, value: SignedDuration| {
            r.require(value > SignedDuration::ZERO, key, || {
                format!(
                    "{key} cannot be a non-positive duration, was {}",
                    go::duration(value)
                )
            });
        };
        positive(&mut r, "progress-deadline", deadline);
        r.require(deadline.subsec_nanos() == 0, "progress-deadline", || {
            format!(
                "progress-deadline must be rounded to a whole second, was: {}",
                go::duration(deadline)
            )
        });
        positive(&mut r, "digest-resolution-timeout", digest);
        s.digest_resolution_timeout = digest.unsigned_abs();
        s.progress_deadline = deadline.unsigned_abs();
        r.finish(s)
    }
}

fn affinity(r: &mut Reader<'_>) -> Affinity {
    match r.raw("default-affinity-type") {
        None | Some("prefer-spread-revision-over-nodes") => Affinity::PreferSpreadRevisionOverNodes,
        Some("none") => Affinity::None,
        Some(other) => {
            r.refuse(
                "default-affinity-type",
                format!(
                    "unsupported default-affinity-type value: {}",
                    go::quote(other)
                ),
            );
            Affinity::default()
        }
    }
}

fn runtime_classes(r: &mut Reader<'_>) -> BTreeMap<String, RuntimeClass> {
    let key = "runtime-class-name";
    let Some(text) = r.raw(key) else {
        return BTreeMap::new();
    };
    let classes: BTreeMap<String, Option<RuntimeClass>> =
        match serde_yaml_ng::from_str::<Option<_>>(text) {
            Ok(classes) => classes.unwrap_or_default(),
            Err(cause) => {
                r.refuse(
                    key,
                    format!(
                        "runtime-class-name cannot be parsed, please check the format: {cause}"
                    ),
                );
                return BTreeMap::new();
            }
        };
    let classes: BTreeMap<String, RuntimeClass> = classes
        .into_iter()
        .map(|(name, class)| (name, class.unwrap_or_default()))
        .collect();
    for (name, class) in &classes {
        let faults = syntax::dns1123_subdomain(name);
        r.require(faults.is_empty(), key, || {
            format!(
                "runtime-class-name {name} selector not valid DNSSubdomain: {}",
                go::list(&faults)
            )
        });
        let faults: Vec<String> = class
            .selector
            .iter()
            .flat_map(|(k, v)| {
                syntax::qualified_name(k)
                    .into_iter()
                    .chain(syntax::label_value(v))
            })
            .collect();
        r.require(faults.is_empty(), key, || {
            format!(
                "runtime-class-name {name} selector invalid: {}",
                faults.join(", ")
            )
        });
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test::{accepts, data, refuses};

    const IMAGE: (&str, &str) = ("queue-sidecar-image", "registry.example/queue:1");

    #[test]
    fn only_the_image_is_mandatory() {
        let s = accepts::<Deployment, 1>([IMAGE]);
        assert_eq!(
            s,
            Deployment {
                queue_sidecar_image: IMAGE.1.into(),
                ..Deployment::default()
            }
        );
        refuses::<Deployment, 0>([], "queue-sidecar-image cannot be empty or unset");
    }

    #[test]
    fn the_new_spelling_wins() {
        let s = accepts::<Deployment, 3>([
            IMAGE,
            ("progressDeadline", "1s"),
            ("progress-deadline", "2s"),
        ]);
        assert_eq!(s.progress_deadline, Duration::from_secs(2));
        assert_eq!(
            accepts::<Deployment, 1>([("queueSidecarImage", "old")]).queue_sidecar_image,
            "old"
        );
    }

    #[test]
    fn bad_values_are_refused() {
        refuses::<Deployment, 2>(
            [IMAGE, ("progress-deadline", "0s")],
            "progress-deadline cannot be a non-positive duration, was 0s",
        );
        refuses::<Deployment, 2>(
            [IMAGE, ("progress-deadline", "1.5s")],
            "progress-deadline must be rounded to a whole second, was: 1.5s",
        );
        refuses::<Deployment, 2>(
            [IMAGE, ("digest-resolution-timeout", "-1s")],
            "digest-resolution-timeout cannot be a non-positive duration, was -1s",
        );
        refuses::<Deployment, 2>(
            [IMAGE, ("default-affinity-type", "x")],
            "unsupported default-affinity-type value: \"x\"",
        );
        assert!(Deployment::parse(&data([IMAGE, ("runtime-class-name", "Bad_Name: {}")])).is_err());
    }

    #[test]
    fn the_most_specific_runtime_class_wins_and_ties_go_by_name() {
        let s = accepts::<Deployment, 2>([
            IMAGE,
            (
                "runtime-class-name",
                "kata: {}\nabc:\ngvisor: {selector: {sandbox: strict}}\n",
            ),
        ]);
        let strict = BTreeMap::from([("sandbox".to_owned(), "strict".to_owned())]);
        assert_eq!(s.runtime_class_for(&strict), Some("gvisor"));
        assert_eq!(s.runtime_class_for(&BTreeMap::new()), Some("abc"));
        assert_eq!(Deployment::default().runtime_class_for(&strict), None);
    }

    #[test]
    fn registries_and_audiences_are_sets() {
        let s = accepts::<Deployment, 3>([
            IMAGE,
            ("registries-skipping-tag-resolving", "a, b"),
            ("queue-sidecar-token-audiences", ""),
        ]);
        assert_eq!(
            s.registries_skipping_tag_resolving,
            ["a", "b"].map(str::to_owned).into()
        );
        assert!(s.queue_sidecar_token_audiences.is_empty());
    }
}
