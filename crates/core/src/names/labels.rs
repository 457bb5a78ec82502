//! Keys of labels, and the values that have a meaning.

use super::known::Status::{Done, Foreign, NotYet, Partly};
use super::known::known;

known! {
    /// Every label that we know.
    ALL;

    // === serving.knative.dev ===

    /// Name of the Service at the top.
    SERVICE = "serving.knative.dev/service", on "all that a Service makes", Done;
    /// UID of the Service at the top.
    SERVICE_UID = "serving.knative.dev/serviceUID", on "Configuration, Revision, its children", Done;
    /// Name of the Configuration.
    CONFIGURATION = "serving.knative.dev/configuration", on "Revision, its children", Done;
    /// UID of the Configuration.
    CONFIGURATION_UID = "serving.knative.dev/configurationUID", on "Revision, its children", Done;
    /// Generation of the Configuration that a Revision was made for.
    CONFIGURATION_GENERATION = "serving.knative.dev/configurationGeneration", on "Revision, its children", Done;
    /// Name of the Revision.
    REVISION = "serving.knative.dev/revision", on "all that a Revision makes", Done;
    /// UID of the Revision; the whole selector of its Deployment.
    REVISION_UID = "serving.knative.dev/revisionUID", on "all that a Revision makes", Done;
    /// Name of the Route.
    ROUTE = "serving.knative.dev/route", on "Ingress, Certificate, placeholder Service",
        Partly("Routes order no Certificates yet");
    /// Namespace of the Route.
    ROUTE_NAMESPACE = "serving.knative.dev/routeNamespace", on "Ingress", Done;
    /// Whether a route leads to a Revision: `pending`, `active` or `reserve`.
    ROUTING_STATE = "serving.knative.dev/routingState", on "Revision", Done;
    /// Hash of the Deployment that was applied.
    DEPLOYMENT_HASH = "serving.knative.dev/deployment-hash", on "Deployment", Done;
    /// UID of the DomainMapping on its Ingress; its name on its Certificate.
    DOMAIN_MAPPING_UID = "serving.knative.dev/domainMappingUID", on "Ingress, Certificate",
        Partly("DomainMappings order no Certificates yet");
    /// Namespace of the DomainMapping.
    DOMAIN_MAPPING_NAMESPACE = "serving.knative.dev/domainMappingNamespace", on "Ingress", Done;

    // === networking.knative.dev ===

    /// Who may reach a Route or a placeholder Service: `cluster-local` keeps it inside.
    VISIBILITY = "networking.knative.dev/visibility", on "Service, Route, placeholder Service", Done;
    /// Base domain of a wildcard Certificate.
    WILDCARD_DOMAIN = "networking.knative.dev/wildcardDomain", on "Certificate",
        Partly("written, but Routes do not reuse the Certificate");
    /// What a Certificate is for: `system-internal`, `cluster-local-domain`, `external-domain`; absent for the last.
    CERTIFICATE_TYPE = "networking.knative.dev/certificate-type", on "Certificate",
        NotYet("no Certificates of these types are ordered");
    /// Marks a ConfigMap whose entries are PEM bundles to trust.
    TRUST_BUNDLE = "networking.knative.dev/trust-bundle", on "ConfigMap", NotYet("the activator speaks no TLS");
    /// Who provides the certificates that the ConfigMap is about.
    CERTIFICATE_PROVIDER = "networking.knative.dev/certificate-provider", on "ConfigMap `config-certmanager`", Done;

    // === networking.internal.knative.dev ===

    /// Name of the ServerlessService.
    SERVERLESS_SERVICE = "networking.internal.knative.dev/serverlessservice",
        on "Services and EndpointSlices of a Revision", Done;
    /// `Public` or `Private`.
    SERVICE_TYPE = "networking.internal.knative.dev/serviceType",
        on "Services and EndpointSlices of a Revision", Done;
    /// UID of the Certificate that a Secret belongs to.
    CERTIFICATE_UID = "networking.internal.knative.dev/certificate-uid", on "Secret",
        NotYet("nothing here makes certificates out of Certificates");
    /// Name of the Ingress.
    INGRESS = "networking.internal.knative.dev/ingress", on "objects of a networking layer",
        Foreign("our gateway makes no such objects");
    /// Tag of a target.
    TAG = "networking.internal.knative.dev/tag", on "objects of a networking layer",
        Foreign("our gateway makes no such objects");
    /// Name of the Secret that a copy was made from.
    ORIGIN_SECRET_NAME = "networking.internal.knative.dev/originSecretName", on "objects of a networking layer",
        Foreign("our gateway reads Secrets where they are");
    /// Namespace of the Secret that a copy was made from.
    ORIGIN_SECRET_NAMESPACE = "networking.internal.knative.dev/originSecretNamespace",
        on "objects of a networking layer", Foreign("our gateway reads Secrets where they are");

    // === others ===

    /// Free for users; filled in with the Revision's name.
    APP = "app", on "Deployment, Pod", Done;
    /// Namespaces that carry this key are not seen by the webhooks.
    WEBHOOK_EXCLUDE = "webhooks.knative.dev/exclude", on "Namespace", Done;
    /// Name of the Service that an EndpointSlice belongs to.
    SLICE_SERVICE_NAME = "kubernetes.io/service-name", on "EndpointSlice", Done;
    /// Who writes an EndpointSlice; controllers leave those of others alone.
    SLICE_MANAGED_BY = "endpointslice.kubernetes.io/managed-by", on "EndpointSlice", Done;
    /// Whose part an object is: `knative-serving`; chooses the ConfigMaps that admission looks at.
    PART_OF = "app.kubernetes.io/name", on "all that an installation makes", Done;
    /// Which component an object belongs to; chooses the ConfigMaps that admission looks at.
    COMPONENT = "app.kubernetes.io/component", on "all that an installation makes", Done;
    /// Version of the installation.
    VERSION = "app.kubernetes.io/version", on "all that an installation makes", Done;
    /// `true` marks a kind whose status has an address.
    ADDRESSABLE = "duck.knative.dev/addressable", on "CustomResourceDefinition, ClusterRole", Done;
    /// `true` marks a kind that holds a pod template.
    POD_SPECABLE = "duck.knative.dev/podspecable", on "CustomResourceDefinition, ClusterRole", Done;
    /// `true` adds a role to the controller's.
    CONTROLLER_ROLE = "serving.knative.dev/controller", on "ClusterRole", Done;
    /// `true` adds a role to the one of administrators of a namespace.
    ADMIN_ROLE = "rbac.authorization.k8s.io/aggregate-to-admin", on "ClusterRole", Done;
    /// `true` adds a role to the one of editors of a namespace.
    EDIT_ROLE = "rbac.authorization.k8s.io/aggregate-to-edit", on "ClusterRole", Done;
    /// `true` adds a role to the one of readers of a namespace.
    VIEW_ROLE = "rbac.authorization.k8s.io/aggregate-to-view", on "ClusterRole", Done;
    /// `true` marks definitions that come with an installation.
    CRD_INSTALL = "knative.dev/crd-install", on "CustomResourceDefinition", Done;
}

/// [`ROUTING_STATE`]: not decided yet.
pub const ROUTING_STATE_PENDING: &str = "pending";
/// [`ROUTING_STATE`]: a route leads to it.
pub const ROUTING_STATE_ACTIVE: &str = "active";
/// [`ROUTING_STATE`]: no route leads to it.
pub const ROUTING_STATE_RESERVE: &str = "reserve";
/// The value of [`VISIBILITY`] that keeps a Route inside the cluster.
pub const VISIBILITY_CLUSTER_LOCAL: &str = "cluster-local";
/// [`CERTIFICATE_TYPE`]: between the parts of the data plane.
pub const CERTIFICATE_SYSTEM_INTERNAL: &str = "system-internal";
/// [`CERTIFICATE_TYPE`]: for hosts inside the cluster.
pub const CERTIFICATE_CLUSTER_LOCAL_DOMAIN: &str = "cluster-local-domain";
/// [`CERTIFICATE_TYPE`]: for hosts outside the cluster.
pub const CERTIFICATE_EXTERNAL_DOMAIN: &str = "external-domain";
/// The value of [`SERVICE_TYPE`] without a selector.
pub const SERVICE_TYPE_PUBLIC: &str = "Public";
/// The value of [`SERVICE_TYPE`] whose selector is the revision's pods.
pub const SERVICE_TYPE_PRIVATE: &str = "Private";
/// The value of [`SLICE_MANAGED_BY`] on ours.
pub const SLICE_MANAGED_BY_EBB: &str = "controller.ebb.knative.dev";
