//! `config-network`: host names, TLS and the networking layer.
//!
//! The default of `ingress-class` is upstream's. The ConfigMap that Ebb ships sets the key to
//! Ebb's own gateway, so that the file shows what is in force.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{Data, Errors, Reader, Settings};
use crate::go;
use crate::template::{self, Template, Value};

/// Upstream's default host of a route.
pub const DOMAIN_TEMPLATE: &str = "{{.Name}}.{{.Namespace}}.{{.Domain}}";
/// Upstream's default host label of a tag.
pub const TAG_TEMPLATE: &str = "{{.Tag}}-{{.Name}}";

/// The settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Which networking layer programs an Ingress that does not say.
    pub ingress_class: String,
    /// Which controller provides a Certificate that does not say.
    pub certificate_class: String,
    /// The external host of a Route.
    pub domain_template: Template,
    /// The host label of a tag.
    pub tag_template: Template,
    /// Certificates for hosts outside the cluster.
    pub external_domain_tls: bool,
    /// Certificates for hosts inside the cluster.
    pub cluster_local_domain_tls: bool,
    /// TLS between gateway, activator and queue-proxy.
    pub system_internal_tls: bool,
    /// What plain HTTP gets.
    pub http_protocol: HttpProtocol,
    /// Namespaces that get wildcard certificates; `None` for none.
    pub namespace_wildcard_cert_selector: Option<LabelSelector>,
    /// How long traffic takes to move to a new revision; zero for at once.
    pub rollout_duration: Duration,
    /// Whether a DomainMapping may make its own claim.
    pub autocreate_cluster_domain_claims: bool,
    /// Whether pods are addressed through a mesh.
    pub enable_mesh_pod_addressability: bool,
    /// Whether pods can be addressed directly.
    pub mesh_compatibility_mode: MeshMode,
    /// The scheme of external URLs where TLS is not managed.
    pub default_external_scheme: String,
}

/// What plain HTTP gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpProtocol {
    /// It is served.
    #[default]
    Enabled,
    /// It is sent to HTTPS.
    Redirected,
    /// Deprecated; nothing is written into the Ingress.
    Disabled,
}

/// Whether pods can be addressed directly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MeshMode {
    /// Try the pod, fall back to the Service.
    #[default]
    Auto,
    /// Always the Service.
    Enabled,
    /// Always the pod.
    Disabled,
}

/// What a domain template can see.
#[derive(Clone, Copy, Debug)]
pub struct DomainFields<'a> {
    /// Name of the Route, or the host label of a tag.
    pub name: &'a str,
    /// Namespace of the Route.
    pub namespace: &'a str,
    /// Base domain.
    pub domain: &'a str,
    /// Annotations of the Route.
    pub annotations: &'a BTreeMap<String, String>,
    /// Labels of the Route.
    pub labels: &'a BTreeMap<String, String>,
}

impl Default for Network {
    fn default() -> Self {
        let stock = |text| Template::parse(text).expect("upstream's templates parse");
        Self {
            ingress_class: "istio.ingress.networking.knative.dev".to_owned(),
            certificate_class: crate::names::CERT_MANAGER_CLASS.to_owned(),
            domain_template: stock(DOMAIN_TEMPLATE),
            tag_template: stock(TAG_TEMPLATE),
            external_domain_tls: false,
            cluster_local_domain_tls: false,
            system_internal_tls: false,
            http_protocol: HttpProtocol::Enabled,
            namespace_wildcard_cert_selector: None,
            rollout_duration: Duration::ZERO,
            autocreate_cluster_domain_claims: false,
            enable_mesh_pod_addressability: false,
            mesh_compatibility_mode: MeshMode::Auto,
            default_external_scheme: "http".to_owned(),
        }
    }
}

impl Network {
    /// The external host of a Route or, with the tag's label as name, of a tag.
    ///
    /// # Errors
    /// When the template cannot be rendered with these fields.
    pub fn host(&self, fields: DomainFields<'_>) -> Result<String, template::Error> {
        let DomainFields {
            name,
            namespace,
            domain,
            annotations,
            labels,
        } = fields;
        self.domain_template.render(&Value::record([
            ("Name", name.into()),
            ("Namespace", namespace.into()),
            ("Domain", domain.into()),
            ("Annotations", Value::strings(annotations)),
            ("Labels", Value::strings(labels)),
        ]))
    }

    /// The host label and placeholder name of a tag of a Route.
    ///
    /// # Errors
    /// When the template cannot be rendered with these fields.
    pub fn tag_label(&self, tag: &str, route: &str) -> Result<String, template::Error> {
        self.tag_template.render(&Value::record([
            ("Name", route.into()),
            ("Tag", tag.into()),
        ]))
    }
}

impl Settings for Network {
    const NAME: &'static str = "config-network";

    fn parse(data: &Data) -> Result<Self, Errors> {
        let mut r = Reader::new(data);
        let mut s = Self::default();
        let mut rollout: i64 = 0;
        let mut encryption = false;
        r.read(&["ingress.class", "ingress-class"], &mut s.ingress_class);
        r.read(
            &["certificate.class", "certificate-class"],
            &mut s.certificate_class,
        );
        r.read(
            &["domainTemplate", "domain-template"],
            &mut s.domain_template,
        );
        r.read(&["tagTemplate", "tag-template"], &mut s.tag_template);
        r.read(&["rolloutDuration", "rollout-duration"], &mut rollout);
        r.read(
            &[
                "autocreateClusterDomainClaims",
                "autocreate-cluster-domain-claims",
            ],
            &mut s.autocreate_cluster_domain_claims,
        );
        r.read(
            &["enable-mesh-pod-addressability"],
            &mut s.enable_mesh_pod_addressability,
        );
        r.read(
            &["defaultExternalScheme", "default-external-scheme"],
            &mut s.default_external_scheme,
        );
        r.read(&["internal-encryption"], &mut encryption);

        match u64::try_from(rollout) {
            Ok(seconds) => s.rollout_duration = Duration::from_secs(seconds),
            Err(_) => r.refuse(
                "rollout-duration",
                format!("rollout-duration must be a positive integer, but was {rollout}"),
            ),
        }
        s.mesh_compatibility_mode = mesh_mode(&r);
        s.namespace_wildcard_cert_selector = wildcard_selector(&mut r);
        check_templates(&mut r, &s);
        s.external_domain_tls = ["external-domain-tls", "auto-tls", "autoTLS"]
            .into_iter()
            .find_map(|key| r.raw(key))
            .is_some_and(|text| text.eq_ignore_ascii_case("enabled"));
        s.cluster_local_domain_tls = switch(&mut r, "cluster-local-domain-tls");
        s.system_internal_tls = switch(&mut r, "system-internal-tls") || encryption;
        s.http_protocol = http_protocol(&mut r);
        r.finish(s)
    }
}

fn mesh_mode(r: &Reader<'_>) -> MeshMode {
    match r
        .raw("mesh-compatibility-mode")
        .map(|text| text.trim().to_ascii_lowercase())
        .as_deref()
    {
        Some("enabled") => MeshMode::Enabled,
        Some("disabled") => MeshMode::Disabled,
        _ => MeshMode::Auto,
    }
}

fn wildcard_selector(r: &mut Reader<'_>) -> Option<LabelSelector> {
    let key = "namespace-wildcard-cert-selector";
    let text = r.raw(key).filter(|text| !text.trim().is_empty())?;
    match serde_yaml_ng::from_str(text) {
        Ok(selector) => selector,
        Err(cause) => {
            r.refuse(key, cause.to_string());
            None
        }
    }
}

fn switch(r: &mut Reader<'_>, key: &str) -> bool {
    match r.raw(key) {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("enabled") => true,
        Some(text) if text.eq_ignore_ascii_case("disabled") => false,
        Some(text) => {
            r.refuse(
                key,
                format!(
                    "{key} with value: {} in config-network ConfigMap is not supported",
                    go::quote(text)
                ),
            );
            false
        }
    }
}

fn http_protocol(r: &mut Reader<'_>) -> HttpProtocol {
    let key = "http-protocol";
    match r
        .raw(key)
        .or_else(|| r.raw("httpProtocol"))
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None | Some("" | "enabled") => HttpProtocol::Enabled,
        Some("redirected") => HttpProtocol::Redirected,
        Some("disabled") => HttpProtocol::Disabled,
        Some(_) => {
            // Upstream prints the new key even when the old one is at fault.
            let text = r.raw(key).unwrap_or_default();
            r.refuse(
                key,
                format!("httpProtocol {text} in config-network ConfigMap is not supported"),
            );
            HttpProtocol::Enabled
        }
    }
}

/// Renders both templates over sample values, so that a route never meets a broken one.
fn check_templates(r: &mut Reader<'_>, s: &Network) {
    let none = BTreeMap::new();
    let sample = DomainFields {
        name: "foo",
        namespace: "bar",
        domain: "baz.com",
        annotations: &none,
        labels: &none,
    };
    match s.host(sample) {
        Err(cause) => r.refuse("domain-template", cause.to_string()),
        Ok(host) => {
            let (host, path) = host
                .find('/')
                .map_or((host.as_str(), ""), |at| host.split_at(at));
            if host.is_empty() {
                r.refuse("domain-template", "empty hostname");
            } else if !path.is_empty() {
                r.refuse(
                    "domain-template",
                    format!("domain template has url path: {path}"),
                );
            }
        }
    }
    if let Err(cause) = s.tag_label("sample", "foo") {
        r.refuse("tag-template", cause.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test::{accepts, data, refuses};

    #[test]
    fn nothing_written_means_the_defaults() {
        assert_eq!(accepts::<Network, 0>([]), Network::default());
    }

    #[test]
    fn the_stock_templates_render() {
        let none = BTreeMap::new();
        let fields = DomainFields {
            name: "shop",
            namespace: "demo",
            domain: "example.org",
            annotations: &none,
            labels: &none,
        };
        let s = Network::default();
        assert_eq!(s.host(fields).as_deref(), Ok("shop.demo.example.org"));
        assert_eq!(s.tag_label("blue", "shop").as_deref(), Ok("blue-shop"));
    }

    #[test]
    fn a_template_may_use_labels() {
        let labels = BTreeMap::from([("team".to_owned(), "till".to_owned())]);
        let s = accepts::<Network, 1>([(
            "domain-template",
            "{{.Name}}.{{index .Labels \"team\"}}.{{.Domain}}",
        )]);
        let none = BTreeMap::new();
        let fields = DomainFields {
            name: "shop",
            namespace: "demo",
            domain: "example.org",
            annotations: &none,
            labels: &labels,
        };
        assert_eq!(s.host(fields).as_deref(), Ok("shop.till.example.org"));
    }

    #[test]
    fn templates_that_make_no_host_are_refused() {
        refuses::<Network, 1>(
            [("domain-template", "{{.Name}}/x")],
            "domain template has url path: /x",
        );
        refuses::<Network, 1>([("domain-template", "")], "empty hostname");
        assert!(Network::parse(&data([("domain-template", "{{.Nope}}")])).is_err());
        assert!(Network::parse(&data([("tag-template", "{{.Namespace}}")])).is_err());
    }

    #[test]
    fn tls_keys_interplay() {
        assert!(accepts::<Network, 1>([("auto-tls", "Enabled")]).external_domain_tls);
        assert!(
            !accepts::<Network, 2>([("auto-tls", "Enabled"), ("external-domain-tls", "no")])
                .external_domain_tls
        );
        assert!(
            accepts::<Network, 2>([
                ("internal-encryption", "true"),
                ("system-internal-tls", "Disabled")
            ])
            .system_internal_tls
        );
        refuses::<Network, 1>(
            [("system-internal-tls", "x")],
            "system-internal-tls with value: \"x\" in config-network ConfigMap is not supported",
        );
        refuses::<Network, 1>(
            [("cluster-local-domain-tls", "x")],
            "cluster-local-domain-tls with value: \"x\" in config-network ConfigMap is not supported",
        );
    }

    #[test]
    fn http_protocol_is_a_closed_set() {
        assert_eq!(
            accepts::<Network, 1>([("httpProtocol", "REDIRECTED")]).http_protocol,
            HttpProtocol::Redirected
        );
        refuses::<Network, 1>(
            [("http-protocol", "x")],
            "httpProtocol x in config-network ConfigMap is not supported",
        );
        refuses::<Network, 1>(
            [("httpProtocol", "x")],
            "httpProtocol  in config-network ConfigMap is not supported",
        );
    }

    #[test]
    fn other_values_are_checked() {
        refuses::<Network, 1>(
            [("rollout-duration", "-1")],
            "rollout-duration must be a positive integer, but was -1",
        );
        assert_eq!(
            accepts::<Network, 1>([("mesh-compatibility-mode", "maybe")]).mesh_compatibility_mode,
            MeshMode::Auto
        );
        assert_eq!(
            accepts::<Network, 1>([("namespace-wildcard-cert-selector", "{}")])
                .namespace_wildcard_cert_selector,
            Some(LabelSelector::default())
        );
    }
}
