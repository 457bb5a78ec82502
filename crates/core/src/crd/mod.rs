//! Custom resource definitions, made from the types.
//!
//! Names, short names, categories and columns are upstream's. Schemas follow from the types of
//! `crate::api`; where a pod is described, [`pod`] says which part of Kubernetes' own schema is
//! let through. What the schema does not know, the API server drops before admission sees it.

mod about;
mod columns;
mod pod;
mod schema;

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec, CustomResourceDefinitionVersion, CustomResourceSubresourceStatus,
    CustomResourceSubresources, CustomResourceValidation,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use schemars::JsonSchema;

use crate::api::certificate::{Certificate, CertificateSpec, CertificateStatus};
use crate::api::configuration::{Configuration, ConfigurationSpec, ConfigurationStatus};
use crate::api::domain_claim::{ClusterDomainClaim, ClusterDomainClaimSpec};
use crate::api::domain_mapping::{DomainMapping, DomainMappingSpec, DomainMappingStatus};
use crate::api::image::{Image, ImageSpec, ImageStatus};
use crate::api::ingress::{Ingress, IngressSpec, IngressStatus};
use crate::api::metric::{Metric, MetricSpec, MetricStatus};
use crate::api::pod_autoscaler::{PodAutoscaler, PodAutoscalerSpec, PodAutoscalerStatus};
use crate::api::revision::{Revision, RevisionSpec, RevisionStatus};
use crate::api::route::{Route, RouteSpec, RouteStatus};
use crate::api::serverless_service::{
    ServerlessService, ServerlessServiceSpec, ServerlessServiceStatus,
};
use crate::api::service::{Service, ServiceSpec, ServiceStatus};
use columns::{column, config_name, generation, latest_created, latest_ready, ready, reason, url};

/// The definitions of all kinds, sorted by name.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    let mut all = serving();
    all.extend(autoscaling());
    all.extend(networking());
    all.push(define::<Image, ImageSpec, ImageStatus>(Names {
        categories: &["knative-internal", "caching"],
        columns: vec![column("Image", "string", ".spec.image")],
        ..Names::default()
    }));
    all.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    all
}

const ADDRESSABLE: (&str, &str) = ("duck.knative.dev/addressable", "true");
const POD_SPECABLE: (&str, &str) = ("duck.knative.dev/podspecable", "true");

fn serving() -> Vec<CustomResourceDefinition> {
    const CATEGORIES: &[&str] = &["all", "knative", "serving"];
    vec![
        define::<Service, ServiceSpec, ServiceStatus>(Names {
            short: &["kservice", "ksvc"],
            categories: CATEGORIES,
            labels: &[ADDRESSABLE, POD_SPECABLE],
            columns: vec![url(), latest_created(), latest_ready(), ready(), reason()],
        }),
        define::<Configuration, ConfigurationSpec, ConfigurationStatus>(Names {
            short: &["config", "cfg"],
            categories: CATEGORIES,
            labels: &[POD_SPECABLE],
            columns: vec![latest_created(), latest_ready(), ready(), reason()],
        }),
        define::<Revision, RevisionSpec, RevisionStatus>(Names {
            short: &["rev"],
            categories: CATEGORIES,
            labels: &[],
            columns: vec![
                config_name(),
                generation(),
                ready(),
                reason(),
                column("Actual Replicas", "integer", ".status.actualReplicas"),
                column("Desired Replicas", "integer", ".status.desiredReplicas"),
            ],
        }),
        define::<Route, RouteSpec, RouteStatus>(Names {
            short: &["rt"],
            categories: CATEGORIES,
            labels: &[ADDRESSABLE],
            columns: vec![url(), ready(), reason()],
        }),
        define::<DomainMapping, DomainMappingSpec, DomainMappingStatus>(Names {
            short: &["dm"],
            categories: CATEGORIES,
            labels: &[],
            columns: vec![url(), ready(), reason()],
        }),
    ]
}

fn autoscaling() -> Vec<CustomResourceDefinition> {
    const CATEGORIES: &[&str] = &["knative-internal", "autoscaling"];
    vec![
        define::<PodAutoscaler, PodAutoscalerSpec, PodAutoscalerStatus>(Names {
            short: &["kpa", "pa"],
            categories: CATEGORIES,
            labels: &[],
            columns: vec![
                column("DesiredScale", "integer", ".status.desiredScale"),
                column("ActualScale", "integer", ".status.actualScale"),
                ready(),
                reason(),
            ],
        }),
        define::<Metric, MetricSpec, MetricStatus>(Names {
            categories: CATEGORIES,
            columns: vec![ready(), reason()],
            ..Names::default()
        }),
    ]
}

fn networking() -> Vec<CustomResourceDefinition> {
    const CATEGORIES: &[&str] = &["knative-internal", "networking"];
    const LABELS: &[(&str, &str)] = &[("app.kubernetes.io/component", "networking")];
    let names = |short, columns| Names {
        short,
        categories: CATEGORIES,
        labels: LABELS,
        columns,
    };
    vec![
        define::<ServerlessService, ServerlessServiceSpec, ServerlessServiceStatus>(names(
            &["sks"],
            vec![
                column("Mode", "string", ".spec.mode"),
                column("Activators", "integer", ".spec.numActivators"),
                column("ServiceName", "string", ".status.serviceName"),
                column("PrivateServiceName", "string", ".status.privateServiceName"),
                ready(),
                reason(),
            ],
        )),
        define::<Ingress, IngressSpec, IngressStatus>(names(
            &["kingress", "king"],
            vec![ready(), reason()],
        )),
        define::<Certificate, CertificateSpec, CertificateStatus>(names(
            &["kcert"],
            // Upstream quotes these two differently from the rest.
            vec![
                column(
                    "Ready",
                    "string",
                    ".status.conditions[?(@.type==\"Ready\")].status",
                ),
                column(
                    "Reason",
                    "string",
                    ".status.conditions[?(@.type==\"Ready\")].reason",
                ),
            ],
        )),
        define::<ClusterDomainClaim, ClusterDomainClaimSpec, NoStatus>(names(&["cdc"], Vec::new())),
    ]
}

/// Nothing: this kind has no status.
#[derive(JsonSchema)]
struct NoStatus {}

/// What the API server needs to know beside the schema.
#[derive(Default)]
struct Names {
    short: &'static [&'static str],
    categories: &'static [&'static str],
    labels: &'static [(&'static str, &'static str)],
    columns: Vec<CustomResourceColumnDefinition>,
}

fn define<K, Spec, Status>(names: Names) -> CustomResourceDefinition
where
    K: Resource<DynamicType = ()> + IsNamespaced,
    Spec: JsonSchema,
    Status: JsonSchema,
{
    let Names {
        short,
        categories,
        labels,
        columns,
    } = names;
    let (kind, group, plural) = (
        K::kind(&()).into_owned(),
        K::group(&()).into_owned(),
        K::plural(&()).into_owned(),
    );
    let owned =
        |list: &[&str]| (!list.is_empty()).then(|| list.iter().map(|s| (*s).to_owned()).collect());
    CustomResourceDefinition {
        metadata: ObjectMeta {
            name: Some(format!("{plural}.{group}")),
            labels: Some(all_labels(labels)),
            ..Default::default()
        },
        spec: CustomResourceDefinitionSpec {
            group,
            names: CustomResourceDefinitionNames {
                singular: Some(kind.to_lowercase()),
                list_kind: Some(format!("{kind}List")),
                kind,
                plural,
                short_names: owned(short),
                categories: owned(categories),
            },
            scope: if K::NAMESPACED {
                "Namespaced"
            } else {
                "Cluster"
            }
            .to_owned(),
            versions: vec![CustomResourceDefinitionVersion {
                name: K::version(&()).into_owned(),
                served: true,
                storage: true,
                subresources: Some(CustomResourceSubresources {
                    status: Some(CustomResourceSubresourceStatus(serde_json::json!({}))),
                    scale: None,
                }),
                additional_printer_columns: (!columns.is_empty()).then_some(columns),
                schema: Some(CustomResourceValidation {
                    open_api_v3_schema: Some(schema::object::<Spec, Status>(about::about(
                        &K::kind(&()),
                    ))),
                }),
                ..Default::default()
            }],
            ..Default::default()
        },
        status: None,
    }
}

fn all_labels(own: &[(&str, &str)]) -> BTreeMap<String, String> {
    let common = [
        ("app.kubernetes.io/name", "knative-serving"),
        ("app.kubernetes.io/version", env!("CARGO_PKG_VERSION")),
        ("knative.dev/crd-install", "true"),
    ];
    common
        .iter()
        .chain(own)
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// Whether objects of a kind live in namespaces.
trait IsNamespaced {
    const NAMESPACED: bool;
}

impl<K: Resource> IsNamespaced for K
where
    K::Scope: Scope,
{
    const NAMESPACED: bool = <K::Scope as Scope>::NAMESPACED;
}

trait Scope {
    const NAMESPACED: bool;
}

impl Scope for kube::core::NamespaceResourceScope {
    const NAMESPACED: bool = true;
}

impl Scope for kube::core::ClusterResourceScope {
    const NAMESPACED: bool = false;
}

#[cfg(test)]
mod tests;
