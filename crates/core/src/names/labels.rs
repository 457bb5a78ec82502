//! Keys of labels, and the values that have a meaning.

/// Name of the Service at the top.
pub const SERVICE: &str = "serving.knative.dev/service";
/// UID of the Service at the top.
pub const SERVICE_UID: &str = "serving.knative.dev/serviceUID";
/// Name of the Configuration.
pub const CONFIGURATION: &str = "serving.knative.dev/configuration";
/// UID of the Configuration.
pub const CONFIGURATION_UID: &str = "serving.knative.dev/configurationUID";
/// Generation of the Configuration that a Revision was made for.
pub const CONFIGURATION_GENERATION: &str = "serving.knative.dev/configurationGeneration";
/// Name of the Revision.
pub const REVISION: &str = "serving.knative.dev/revision";
/// UID of the Revision; the whole selector of its Deployment.
pub const REVISION_UID: &str = "serving.knative.dev/revisionUID";
/// Name of the Route.
pub const ROUTE: &str = "serving.knative.dev/route";
/// Namespace of the Route.
pub const ROUTE_NAMESPACE: &str = "serving.knative.dev/routeNamespace";
/// Whether a route leads to a Revision: one of the `ROUTING_STATE_*` values.
pub const ROUTING_STATE: &str = "serving.knative.dev/routingState";
/// Not decided yet.
pub const ROUTING_STATE_PENDING: &str = "pending";
/// A route leads to it.
pub const ROUTING_STATE_ACTIVE: &str = "active";
/// No route leads to it.
pub const ROUTING_STATE_RESERVE: &str = "reserve";
/// Hash of the Deployment that was applied.
pub const DEPLOYMENT_HASH: &str = "serving.knative.dev/deployment-hash";
/// UID of the DomainMapping on its Ingress; its name on its Certificate.
pub const DOMAIN_MAPPING_UID: &str = "serving.knative.dev/domainMappingUID";
/// Namespace of the DomainMapping.
pub const DOMAIN_MAPPING_NAMESPACE: &str = "serving.knative.dev/domainMappingNamespace";

/// Who may reach a Route or a placeholder Service.
pub const VISIBILITY: &str = "networking.knative.dev/visibility";
/// The value of [`VISIBILITY`] that keeps a Route inside the cluster.
pub const VISIBILITY_CLUSTER_LOCAL: &str = "cluster-local";
/// Base domain of a wildcard Certificate.
pub const WILDCARD_DOMAIN: &str = "networking.knative.dev/wildcardDomain";
/// What a Certificate is for: one of the `CERTIFICATE_*` values; absent for external.
pub const CERTIFICATE_TYPE: &str = "networking.knative.dev/certificate-type";
/// Between the parts of the data plane.
pub const CERTIFICATE_SYSTEM_INTERNAL: &str = "system-internal";
/// For hosts inside the cluster.
pub const CERTIFICATE_CLUSTER_LOCAL_DOMAIN: &str = "cluster-local-domain";
/// For hosts outside the cluster.
pub const CERTIFICATE_EXTERNAL_DOMAIN: &str = "external-domain";
/// Marks a ConfigMap whose entries are PEM bundles to trust.
pub const TRUST_BUNDLE: &str = "networking.knative.dev/trust-bundle";

/// Name of the ServerlessService.
pub const SERVERLESS_SERVICE: &str = "networking.internal.knative.dev/serverlessservice";
/// `Public` or `Private`.
pub const SERVICE_TYPE: &str = "networking.internal.knative.dev/serviceType";
/// The value of [`SERVICE_TYPE`] without a selector.
pub const SERVICE_TYPE_PUBLIC: &str = "Public";
/// The value of [`SERVICE_TYPE`] whose selector is the revision's pods.
pub const SERVICE_TYPE_PRIVATE: &str = "Private";

/// Free for users; filled in with the Revision's name.
pub const APP: &str = "app";
/// Namespaces that carry this key are not seen by the webhooks.
pub const WEBHOOK_EXCLUDE: &str = "webhooks.knative.dev/exclude";

/// Name of the Service that an EndpointSlice belongs to.
pub const SLICE_SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Who writes an EndpointSlice; controllers leave those of others alone.
pub const SLICE_MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// The value of [`SLICE_MANAGED_BY`] on ours.
pub const SLICE_MANAGED_BY_EBB: &str = "controller.ebb.knative.dev";
