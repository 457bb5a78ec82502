//! DomainMapping: a name of the user's own that leads to something in the cluster.
//!
//! The name of the object is the host. Three things have to come together: the claim, which keeps two namespaces from
//! taking the same name, the reference, which must end at a Service of the same namespace, and the Ingress, which
//! sends requests there under that Service's own host.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;

use super::meta::{self, Map};
use super::{Write, networking, pass};
use crate::api::condition::State;
use crate::api::domain_claim::{ClusterDomainClaim, ClusterDomainClaimSpec};
use crate::api::domain_mapping::{DomainMapping, DomainMappingCond, DomainMappingStatus};
use crate::api::ingress::{
    HttpPath, HttpRule, Ingress, IngressRule, IngressSpec, IngressSplit, IngressTls, Visibility,
};
use crate::api::meta::{Addressable, Conditioned};
use crate::config::network::Network;
use crate::names::{child, headers, labels, ports};

/// What the caches hold about a DomainMapping.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The claim of the mapping's name.
    pub claim: Option<Arc<ClusterDomainClaim>>,
    pub ingress: Option<Arc<Ingress>>,
    /// The URL that the reference leads to, or why there is none.
    pub address: Result<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The claim to make.
    pub claim: Option<ClusterDomainClaim>,
    pub ingress: Option<Write<Ingress>>,
    pub status: DomainMappingStatus,
    /// Why the pass has to be repeated.
    pub failure: Option<String>,
}

/// Decides the next step for `mapping`.
pub fn plan(
    mapping: &DomainMapping,
    seen: &Seen,
    network: &Network,
    cluster_domain: &str,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan {
        claim: None,
        ingress: None,
        status: pass::begin(mapping, now),
        failure: None,
    };
    if pass::is_new_generation(mapping) {
        plan.status
            .conditions
            .set(DomainMappingCond::IngressReady, not_configured(), now);
    }
    if let Err(failure) = fill(&mut plan, mapping, seen, network, cluster_domain, now) {
        plan.failure = Some(failure);
    }
    plan.status = pass::end(mapping, plan.status, now);
    plan
}

/// The claim to give back when `mapping` goes: only one that was made for it.
pub fn released<'a>(
    mapping: &DomainMapping,
    claim: Option<&'a ClusterDomainClaim>,
    network: &Network,
) -> Option<&'a ClusterDomainClaim> {
    claim.filter(|claim| {
        network.autocreate_cluster_domain_claims
            && claim.spec.namespace == meta::namespace(&mapping.metadata)
    })
}

fn not_configured() -> State {
    State::unknown(
        "IngressNotConfigured",
        "Ingress has not yet been reconciled.",
    )
}

fn fill(
    plan: &mut Plan,
    mapping: &DomainMapping,
    seen: &Seen,
    network: &Network,
    cluster_domain: &str,
    now: Timestamp,
) -> Result<(), String> {
    let name = meta::name(&mapping.metadata);
    set_url(&mut plan.status, &network.default_external_scheme, name);
    claim(plan, mapping, seen, network, now)?;
    let tls = tls(plan, mapping, network, now);

    let target = seen
        .address
        .clone()
        .and_then(|url| backend(&url, mapping, cluster_domain))
        .inspect_err(|error| {
            let state = State::failed("ResolveFailed", error.clone());
            plan.status
                .conditions
                .set(DomainMappingCond::ReferenceResolved, state, now);
        })?;
    plan.status
        .conditions
        .set(DomainMappingCond::ReferenceResolved, State::True, now);

    let wanted = ingress(mapping, &target, tls, network, cluster_domain)?;
    let live = seen.ingress.as_deref();
    let differs = live.is_none_or(|live| live.spec != wanted.spec);
    plan.ingress = match live {
        None => Some(Write::Create(wanted)),
        Some(live)
            if !differs && meta::same_labels_and_annotations(&live.metadata, &wanted.metadata) =>
        {
            None
        }
        Some(_) => Some(Write::Update(wanted)),
    };
    let ready = live
        .filter(|live| live.is_current() && !differs)
        .and_then(|live| live.status.as_ref()?.conditions.ready())
        .map_or_else(not_configured, |ready| {
            if ready.is_true() {
                State::True
            } else {
                ready.state()
            }
        });
    plan.status
        .conditions
        .set(DomainMappingCond::IngressReady, ready, now);
    Ok(())
}

fn set_url(status: &mut DomainMappingStatus, scheme: &str, name: &str) {
    let url = format!("{scheme}://{name}");
    status.address = Some(Addressable::at(url.clone()));
    status.url = Some(url);
}

fn claim(
    plan: &mut Plan,
    mapping: &DomainMapping,
    seen: &Seen,
    network: &Network,
    now: Timestamp,
) -> Result<(), String> {
    let (name, namespace) = (
        meta::name(&mapping.metadata),
        meta::namespace(&mapping.metadata),
    );
    let denied = match seen.claim.as_deref() {
        Some(claim) if claim.spec.namespace == namespace => None,
        Some(_) => Some(format!(
            "namespace {namespace:?} does not own ClusterDomainClaim for {name:?}"
        )),
        None if network.autocreate_cluster_domain_claims => {
            plan.claim = Some(ClusterDomainClaim::new(
                name,
                ClusterDomainClaimSpec {
                    namespace: namespace.into(),
                },
            ));
            None
        }
        None => Some(format!(
            "no ClusterDomainClaim found for domain {name:?} (and autocreate-cluster-domain-claims property is not true)"
        )),
    };
    let state = match &denied {
        None => State::True,
        Some(_) => State::failed(
            "DomainAlreadyClaimed",
            "The domain name is already in use by another DomainMapping",
        ),
    };
    plan.status
        .conditions
        .set(DomainMappingCond::DomainClaimed, state, now);
    denied.map_or(Ok(()), Err)
}

/// The certificate that the mapping brings along. Others are not ordered yet; where the cluster asks for them the
/// condition stays Unknown rather than promise https.
fn tls(
    plan: &mut Plan,
    mapping: &DomainMapping,
    network: &Network,
    now: Timestamp,
) -> Vec<IngressTls> {
    let name = meta::name(&mapping.metadata);
    let (state, tls) = match &mapping.spec.tls {
        Some(secret) => {
            set_url(&mut plan.status, "https", name);
            let tls = IngressTls {
                hosts: vec![name.into()],
                secret_name: secret.secret_name.clone(),
                secret_namespace: meta::namespace(&mapping.metadata).into(),
            };
            let state = State::true_because(
                "CertificateExternallyProvided",
                "TLS certificate was provided externally",
            );
            (state, vec![tls])
        }
        None if !networking::wants_external_tls(&mapping.metadata, network) => (
            State::true_because("TLSNotEnabled", "external-domain-tls is not enabled"),
            Vec::new(),
        ),
        None => {
            let message = "Certificates are not provisioned by this version.";
            (State::unknown("CertificateNotReady", message), Vec::new())
        }
    };
    plan.status
        .conditions
        .set(DomainMappingCond::CertificateProvisioned, state, now);
    tls
}

/// The name of the Service behind a resolved URL, which must be one of the mapping's namespace.
fn backend(url: &str, mapping: &DomainMapping, cluster_domain: &str) -> Result<String, String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !path.is_empty() {
        return Err(format!("resolved URI {url:?} contains a path"));
    }
    let form = || {
        format!(
            "resolved URI {url:?} must be of the form {{name}}.{{namespace}}.svc.{cluster_domain}"
        )
    };
    let inner = host
        .strip_suffix(&format!(".svc.{cluster_domain}"))
        .ok_or_else(form)?;
    match inner.split('.').collect::<Vec<_>>().as_slice() {
        [name, namespace] if *namespace == meta::namespace(&mapping.metadata) => {
            Ok((*name).to_owned())
        }
        [_, _] => Err(format!(
            "resolved URI {url:?} must be in same namespace as DomainMapping"
        )),
        _ => Err(form()),
    }
}

fn ingress(
    mapping: &DomainMapping,
    service: &str,
    tls: Vec<IngressTls>,
    network: &Network,
    cluster_domain: &str,
) -> Result<Ingress, String> {
    let parent = &mapping.metadata;
    let (name, namespace) = (meta::name(parent), meta::namespace(parent));
    let mut labels = meta::labels(parent).clone();
    labels.insert(labels::DOMAIN_MAPPING_UID.into(), meta::uid(parent).into());
    labels.insert(labels::DOMAIN_MAPPING_NAMESPACE.into(), namespace.into());
    let split = IngressSplit {
        service_namespace: namespace.into(),
        service_name: service.into(),
        service_port: IntOrString::Int(ports::SERVICE_HTTP.into()),
        percent: 100,
        append_headers: Map::from([(headers::ORIGINAL_HOST.into(), name.into())]),
    };
    let path = HttpPath {
        rewrite_host: format!("{service}.{namespace}.svc.{cluster_domain}"),
        headers: BTreeMap::new(),
        splits: vec![split],
        ..HttpPath::default()
    };
    let rule = IngressRule {
        hosts: vec![name.into()],
        visibility: Visibility::ExternalIP,
        http: Some(HttpRule { paths: vec![path] }),
    };
    let http_option = networking::http_option(parent, network)?;
    Ok(Ingress {
        metadata: meta::child(
            mapping,
            &child::ingress(name),
            labels,
            networking::ingress_annotations(parent, network),
        ),
        spec: IngressSpec {
            tls,
            rules: vec![rule],
            http_option,
        },
        status: None,
    })
}
