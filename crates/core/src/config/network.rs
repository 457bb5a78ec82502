//! `config-network`: host names, TLS and the networking layer.
//!
//! The default of `ingress-class` is upstream's. The ConfigMap that Ebb ships sets the key to
//! Ebb's own gateway, so that the file shows what is in force.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::Settings;
use super::reader::{Reader, yaml};
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

    fn read(r: &mut Reader<'_>) -> Self {
        let mut s = Self::default();
        let mut rollout: i64 = 0;
        let mut encryption = false;
        r.read(&["ingress.class", "ingress-class"], &mut s.ingress_class);
        r.read(
            &["certificate.class", "certificate-class"],
            &mut s.certificate_class,
        );
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

        s.mesh_compatibility_mode = mesh_mode(r);
        s.namespace_wildcard_cert_selector = wildcard_selector(r);

        r.require(rollout >= 0, &["rollout-duration"], || {
            format!("rollout-duration must be a positive integer, but was {rollout}")
        });
        s.rollout_duration = Duration::from_secs(rollout.unsigned_abs());
        read_templates(r, &mut s);
        s.external_domain_tls = ["external-domain-tls", "auto-tls", "autoTLS"]
            .map(|key| r.raw(key))
            .into_iter()
            .flatten()
            .next()
            .is_some_and(|text| text.eq_ignore_ascii_case("enabled"));
        s.http_protocol = http_protocol(r);
        s.system_internal_tls = switch(r, "system-internal-tls") || encryption;
        s.cluster_local_domain_tls = switch(r, "cluster-local-domain-tls");
        s
    }
}

fn mesh_mode(r: &mut Reader<'_>) -> MeshMode {
    let text = r.raw("mesh-compatibility-mode").unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "enabled" => MeshMode::Enabled,
        "disabled" => MeshMode::Disabled,
        _ => MeshMode::Auto,
    }
}

fn wildcard_selector(r: &mut Reader<'_>) -> Option<LabelSelector> {
    let key = "namespace-wildcard-cert-selector";
    match yaml(r.raw(key).unwrap_or_default()) {
        Ok(selector) => selector,
        Err(cause) => {
            r.refuse(key, cause)
                .hint(format!("{key} must be a label selector in YAML"));
            None
        }
    }
}

fn switch(r: &mut Reader<'_>, key: &str) -> bool {
    let text = r.raw(key).unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "enabled" => return true,
        "" | "disabled" => return false,
        _ => {}
    }
    let text = go::quote(text);
    r.refuse(
        key,
        format!("{key} with value: {text} in config-network ConfigMap is not supported"),
    )
    .hint("must be Enabled or Disabled");
    false
}

fn http_protocol(r: &mut Reader<'_>) -> HttpProtocol {
    let (key, old_key) = ("http-protocol", "httpProtocol");
    let (new, old) = (r.raw(key), r.raw(old_key));
    let text = new.or(old).unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "" | "enabled" => return HttpProtocol::Enabled,
        "redirected" => return HttpProtocol::Redirected,
        "disabled" => return HttpProtocol::Disabled,
        _ => {}
    }
    let culprit = if new.is_some() { key } else { old_key };
    // Upstream prints the new key's value even when the old one is at fault.
    let printed = new.unwrap_or_default();
    r.refuse(
        culprit,
        format!("httpProtocol {printed} in config-network ConfigMap is not supported"),
    )
    .hint(format!("{culprit} must be Enabled, Redirected or Disabled"));
    HttpProtocol::Enabled
}

/// Renders both templates over sample values, so that a route never meets a broken one.
fn read_templates(r: &mut Reader<'_>, s: &mut Network) {
    let keys = ["domainTemplate", "domain-template"];
    let key = r.template(&keys, &mut s.domain_template);
    let none = BTreeMap::new();
    let sample = DomainFields {
        name: "foo",
        namespace: "bar",
        domain: "baz.com",
        annotations: &none,
        labels: &none,
    };
    let checked = s
        .host(sample)
        .map_err(|cause| cause.to_string())
        .and_then(|host| check_host(&host));
    if let Err(cause) = checked {
        r.refuse(key, cause).hint(format!(
            "{key} must make a host name of .Name, .Namespace, .Domain, .Labels and .Annotations"
        ));
    }
    let key = r.template(&["tagTemplate", "tag-template"], &mut s.tag_template);
    if let Err(cause) = s.tag_label("v2", "foo") {
        r.refuse(key, cause.to_string())
            .hint(format!("{key} must make a name of .Tag and .Name"));
    }
}

/// What is wrong with the host as the part of a URL between `https://` and its end.
fn check_host(text: &str) -> Result<(), String> {
    let url = || go::quote(&format!("https://{text}"));
    if text.chars().any(|c| c.is_ascii_control()) {
        return Err(format!(
            "parse {}: net/url: invalid control character in URL",
            url()
        ));
    }
    let (host, rest) = text.split_at(text.find(['/', '?']).unwrap_or(text.len()));
    let belongs = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c);
    if let Some(stranger) = host.chars().find(|c| !belongs(*c)) {
        return Err(format!(
            "parse {}: invalid character {} in host name",
            url(),
            go::quote(&stranger.to_string())
        ));
    }
    let host = host.rsplit('@').next().unwrap_or_default();
    if host.split(':').next().is_none_or(str::is_empty) {
        return Err("empty hostname".to_owned());
    }
    match rest {
        "" => Ok(()),
        rest if rest.starts_with('?') => Err(format!("domain template has url path: /{rest}")),
        path => Err(format!("domain template has url path: {path}")),
    }
}
