//! Names that others rely on: keys of labels and annotations, headers, ports, containers, and the
//! names of child objects. Elsewhere a string literal of this sort is a mistake.

pub mod annotations;
pub mod child;
pub mod containers;
pub mod headers;
mod key;
mod known;
pub mod labels;
pub mod ports;

pub use key::Key;
pub use known::{Known, Status};

/// Class of the certificates that the built-in cert-manager bridge makes.
pub const CERT_MANAGER_CLASS: &str = "cert-manager.certificate.networking.knative.dev";
/// Ingress class of Ebb's own gateway.
pub const EBB_INGRESS_CLASS: &str = "ebb.ingress.networking.knative.dev";
/// Class of the request-based autoscaler.
pub const KPA_CLASS: &str = "kpa.autoscaling.knative.dev";
/// Class that hands scaling to a HorizontalPodAutoscaler.
pub const HPA_CLASS: &str = "hpa.autoscaling.knative.dev";
/// Suffix of classes that are reserved for the project.
pub const RESERVED_CLASS_SUFFIX: &str = ".knative.dev";

/// Where the system runs unless `SYSTEM_NAMESPACE` says otherwise.
pub const SYSTEM_NAMESPACE: &str = "knative-serving";
/// Finalizer of Routes: clears the bookkeeping on the revisions they led to.
pub const ROUTE_FINALIZER: &str = "routes.serving.knative.dev";
/// Finalizer of DomainMappings: gives the claim back.
pub const DOMAIN_MAPPING_FINALIZER: &str = "domainmappings.serving.knative.dev";
/// Host name of every Certificate between the parts of the data plane.
pub const DATA_PLANE_DNS_NAME: &str = "data-plane.knative.dev";
