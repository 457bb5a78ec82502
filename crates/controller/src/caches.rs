//! Everything the reconcilers watch: one watch a kind, shared by all of them, with the look-ups they need.

use std::sync::Arc;

use ebb_core::api::certificate::Certificate;
use ebb_core::api::configuration::Configuration;
use ebb_core::api::domain_claim::ClusterDomainClaim;
use ebb_core::api::domain_mapping::DomainMapping;
use ebb_core::api::image::Image;
use ebb_core::api::ingress::Ingress;
use ebb_core::api::pod_autoscaler::PodAutoscaler;
use ebb_core::api::revision::Revision;
use ebb_core::api::route::Route;
use ebb_core::api::serverless_service::ServerlessService;
use ebb_core::api::service::Service;
use ebb_core::meta;
use ebb_core::names::labels;
use ebb_process::Supervisor;
use ebb_runtime::cache::{Index, Object, Options};
use ebb_runtime::{Cache, Key};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod, Service as KubeService};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};

use crate::writer::manager;

/// The Service whose slices name the activators.
const ACTIVATOR_SERVICE: &str = "activator-service";

/// The caches. Indexes are keyed `namespace/name` unless said otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Caches {
    pub(crate) services: Cache<Service>,
    pub(crate) configurations: Cache<Configuration>,
    pub(crate) revisions: Cache<Revision>,
    pub(crate) routes: Cache<Route>,
    pub(crate) pod_autoscalers: Cache<PodAutoscaler>,
    pub(crate) images: Cache<Image>,
    pub(crate) serverless_services: Cache<ServerlessService>,
    pub(crate) ingresses: Cache<Ingress>,
    pub(crate) deployments: Cache<Deployment>,
    pub(crate) pods: Cache<Pod>,
    pub(crate) kube_services: Cache<KubeService>,
    /// Slices behind revisions: those Kubernetes keeps and those written here.
    pub(crate) slices: Cache<EndpointSlice>,
    /// Slices behind placeholders.
    pub(crate) placeholder_slices: Cache<EndpointSlice>,
    pub(crate) activator_slices: Cache<EndpointSlice>,
    pub(crate) domain_mappings: Cache<DomainMapping>,
    pub(crate) domain_claims: Cache<ClusterDomainClaim>,
    pub(crate) namespaces: Cache<Namespace>,
    /// Wildcard certificates of namespaces.
    pub(crate) wildcard_certificates: Cache<Certificate>,

    pub(crate) revisions_by_configuration: Index<Revision>,
    /// By `namespace/route`, from the annotation that the labeler writes.
    pub(crate) revisions_by_route: Index<Revision>,
    pub(crate) configurations_by_route: Index<Configuration>,
    pub(crate) routes_by_configuration: Index<Route>,
    pub(crate) routes_by_revision: Index<Route>,
    /// By UID of the Revision.
    pub(crate) pods_by_revision: Index<Pod>,
    pub(crate) images_by_revision: Index<Image>,
    pub(crate) kube_services_by_route: Index<KubeService>,
    pub(crate) slices_by_service: Index<EndpointSlice>,
    pub(crate) placeholder_slices_by_route: Index<EndpointSlice>,
    pub(crate) serverless_services_by_target: Index<ServerlessService>,
    /// By the name of what they refer to, whatever its kind.
    pub(crate) domain_mappings_by_reference: Index<DomainMapping>,
    /// By name alone, over all namespaces.
    pub(crate) domain_mappings_by_name: Index<DomainMapping>,
    pub(crate) wildcard_certificates_by_namespace: Index<Certificate>,
}

impl Caches {
    /// Starts all watches.
    pub(crate) fn start(supervisor: &Supervisor, client: &Client, system_namespace: &str) -> Self {
        let services = all(supervisor, client, None, None);
        let configurations = all(supervisor, client, None, Some(manager::SERVICE));
        let revisions = all(supervisor, client, None, None);
        let routes = all(supervisor, client, None, Some(manager::SERVICE));
        let pod_autoscalers = all(supervisor, client, None, Some(manager::REVISION));
        let images = all(supervisor, client, None, None);
        let serverless_services = all(supervisor, client, None, None);
        let ingresses = all(supervisor, client, None, Some(manager::ROUTE));
        let deployments = all(supervisor, client, None, None);
        let pods = all(supervisor, client, Some(labels::REVISION_UID), None);
        let kube_services = all(supervisor, client, None, Some(manager::ROUTE));
        let slices = all(
            supervisor,
            client,
            Some(labels::SERVERLESS_SERVICE),
            Some(manager::SERVERLESS_SERVICE),
        );
        let ours = format!(
            "{}={},{}",
            labels::SLICE_MANAGED_BY,
            labels::SLICE_MANAGED_BY_EBB,
            labels::ROUTE
        );
        let placeholder_slices = all(supervisor, client, Some(&ours), Some(manager::ROUTE));
        let activators = format!("{}={ACTIVATOR_SERVICE}", labels::SLICE_SERVICE_NAME);
        let activator_slices = Cache::start(
            supervisor,
            Api::namespaced(client.clone(), system_namespace),
            Options {
                labels: Some(&activators),
                ..Options::default()
            },
        );
        Self::of(Kinds {
            services,
            configurations,
            revisions,
            routes,
            pod_autoscalers,
            images,
            serverless_services,
            ingresses,
            deployments,
            pods,
            kube_services,
            slices,
            placeholder_slices,
            activator_slices,
            domain_mappings: all(supervisor, client, None, None),
            domain_claims: all(supervisor, client, None, None),
            namespaces: all(supervisor, client, None, None),
            wildcard_certificates: all(
                supervisor,
                client,
                Some(labels::WILDCARD_DOMAIN),
                Some(manager::NAMESPACE_CERTIFICATE),
            ),
        })
    }

    /// Caches that are ready, empty and watch nothing.
    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        Self::of(Kinds {
            services: Cache::of([]),
            configurations: Cache::of([]),
            revisions: Cache::of([]),
            routes: Cache::of([]),
            pod_autoscalers: Cache::of([]),
            images: Cache::of([]),
            serverless_services: Cache::of([]),
            ingresses: Cache::of([]),
            deployments: Cache::of([]),
            pods: Cache::of([]),
            kube_services: Cache::of([]),
            slices: Cache::of([]),
            placeholder_slices: Cache::of([]),
            activator_slices: Cache::of([]),
            domain_mappings: Cache::of([]),
            domain_claims: Cache::of([]),
            namespaces: Cache::of([]),
            wildcard_certificates: Cache::of([]),
        })
    }

    fn of(kinds: Kinds) -> Self {
        let Kinds {
            services,
            configurations,
            revisions,
            routes,
            pod_autoscalers,
            images,
            serverless_services,
            ingresses,
            deployments,
            pods,
            kube_services,
            slices,
            placeholder_slices,
            activator_slices,
            domain_mappings,
            domain_claims,
            namespaces,
            wildcard_certificates,
        } = kinds;
        Self {
            revisions_by_configuration: revisions
                .index(|r| by_label(&r.metadata, labels::CONFIGURATION)),
            revisions_by_route: revisions.index(|r| by_route(&r.metadata)),
            configurations_by_route: configurations.index(|c| by_route(&c.metadata)),
            routes_by_configuration: routes
                .index(|r| targets(r, |target| &target.configuration_name)),
            routes_by_revision: routes.index(|r| targets(r, |target| &target.revision_name)),
            pods_by_revision: pods.index(|p| {
                meta::label(&p.metadata, labels::REVISION_UID)
                    .map(str::to_owned)
                    .into_iter()
                    .collect()
            }),
            images_by_revision: images.index(|i| by_label(&i.metadata, labels::REVISION)),
            kube_services_by_route: kube_services.index(|s| by_label(&s.metadata, labels::ROUTE)),
            placeholder_slices_by_route: placeholder_slices
                .index(|s| by_label(&s.metadata, labels::ROUTE)),
            slices_by_service: slices.index(|s| by_label(&s.metadata, labels::SLICE_SERVICE_NAME)),
            serverless_services_by_target: serverless_services.index(|s| {
                let target = s.spec.object_ref.name.as_deref().unwrap_or_default();
                vec![path(meta::namespace(&s.metadata), target)]
            }),
            domain_mappings_by_reference: domain_mappings
                .index(|m| vec![path(meta::namespace(&m.metadata), &m.spec.ref_.name)]),
            domain_mappings_by_name: domain_mappings
                .index(|m| vec![meta::name(&m.metadata).to_owned()]),
            wildcard_certificates_by_namespace: wildcard_certificates
                .index(|c| vec![meta::namespace(&c.metadata).to_owned()]),
            services,
            configurations,
            revisions,
            routes,
            pod_autoscalers,
            images,
            serverless_services,
            ingresses,
            deployments,
            pods,
            kube_services,
            slices,
            placeholder_slices,
            activator_slices,
            domain_mappings,
            domain_claims,
            namespaces,
            wildcard_certificates,
        }
    }

    /// Resolves once every watch has its first list.
    pub(crate) async fn ready(&self) {
        tokio::join!(
            self.services.ready(),
            self.configurations.ready(),
            self.revisions.ready(),
            self.routes.ready(),
            self.pod_autoscalers.ready(),
            self.images.ready(),
            self.serverless_services.ready(),
            self.ingresses.ready(),
            self.deployments.ready(),
            self.pods.ready(),
            self.kube_services.ready(),
            self.slices.ready(),
            self.placeholder_slices.ready(),
            self.activator_slices.ready(),
            self.domain_mappings.ready(),
            self.domain_claims.ready(),
            self.namespaces.ready(),
            self.wildcard_certificates.ready(),
        );
    }
}

/// One cache of each kind.
struct Kinds {
    services: Cache<Service>,
    configurations: Cache<Configuration>,
    revisions: Cache<Revision>,
    routes: Cache<Route>,
    pod_autoscalers: Cache<PodAutoscaler>,
    images: Cache<Image>,
    serverless_services: Cache<ServerlessService>,
    ingresses: Cache<Ingress>,
    deployments: Cache<Deployment>,
    pods: Cache<Pod>,
    kube_services: Cache<KubeService>,
    slices: Cache<EndpointSlice>,
    placeholder_slices: Cache<EndpointSlice>,
    activator_slices: Cache<EndpointSlice>,
    domain_mappings: Cache<DomainMapping>,
    domain_claims: Cache<ClusterDomainClaim>,
    namespaces: Cache<Namespace>,
    wildcard_certificates: Cache<Certificate>,
}

/// A watch over all namespaces.
fn all<K: Object>(
    supervisor: &Supervisor,
    client: &Client,
    labels: Option<&str>,
    keep_manager: Option<&'static str>,
) -> Cache<K> {
    Cache::start(
        supervisor,
        Api::all(client.clone()),
        Options {
            labels,
            keep_manager,
            ..Options::default()
        },
    )
}

/// The form of index values.
pub(crate) fn path(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// The index value that means this very object.
pub(crate) fn path_of(meta: &ObjectMeta) -> String {
    path(meta::namespace(meta), meta::name(meta))
}

fn by_label(meta: &ObjectMeta, label: &str) -> Vec<String> {
    meta::label(meta, label)
        .map(|name| path(meta::namespace(meta), name))
        .into_iter()
        .collect()
}

fn by_route(meta: &ObjectMeta) -> Vec<String> {
    meta::routes(meta)
        .map(|route| path(meta::namespace(meta), route))
        .collect()
}

/// What a Route names in its spec or its status.
fn targets(
    route: &Route,
    name: fn(&ebb_core::api::route::TrafficTarget) -> &String,
) -> Vec<String> {
    let served = route.status.iter().flat_map(|status| &status.traffic);
    let mut names: Vec<String> = served
        .chain(&route.spec.traffic)
        .map(name)
        .filter(|name| !name.is_empty())
        .map(|name| path(meta::namespace(&route.metadata), name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The key of the object of kind `kind` that controls another one.
pub(crate) fn controller_key(meta: &ObjectMeta, kind: &str) -> Option<Key> {
    let owner = meta::controller_of(meta).filter(|owner| owner.kind == kind)?;
    Some(Key::new(meta::namespace(meta), owner.name.clone()))
}

/// The key that a label names, in the object's own namespace.
pub(crate) fn label_key(meta: &ObjectMeta, label: &str) -> Option<Key> {
    meta::label(meta, label).map(|name| Key::new(meta::namespace(meta), name))
}

/// Keys of objects.
pub(crate) fn keys<K: kube::ResourceExt>(objects: Vec<Arc<K>>) -> Vec<Key> {
    objects.iter().map(|object| Key::of(&**object)).collect()
}
