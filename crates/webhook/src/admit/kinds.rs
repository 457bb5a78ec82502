//! Finds the type of the object in a request.

use super::review::GroupVersionKind;

/// Calls a generic function with the type that a request's kind stands for, or takes the other way.
macro_rules! with_kind {
    ($kind:expr, $function:ident($($argument:expr),*), else $other:expr) => {
        match ($kind.group.as_str(), $kind.version.as_str(), $kind.kind.as_str()) {
            ("serving.knative.dev", "v1", "Service") => $function::<ebb_core::api::service::Service>($($argument),*),
            ("serving.knative.dev", "v1", "Configuration") => {
                $function::<ebb_core::api::configuration::Configuration>($($argument),*)
            }
            ("serving.knative.dev", "v1", "Revision") => $function::<ebb_core::api::revision::Revision>($($argument),*),
            ("serving.knative.dev", "v1", "Route") => $function::<ebb_core::api::route::Route>($($argument),*),
            ("serving.knative.dev", "v1beta1", "DomainMapping") => {
                $function::<ebb_core::api::domain_mapping::DomainMapping>($($argument),*)
            }
            ("autoscaling.internal.knative.dev", "v1alpha1", "PodAutoscaler") => {
                $function::<ebb_core::api::pod_autoscaler::PodAutoscaler>($($argument),*)
            }
            ("autoscaling.internal.knative.dev", "v1alpha1", "Metric") => {
                $function::<ebb_core::api::metric::Metric>($($argument),*)
            }
            ("networking.internal.knative.dev", "v1alpha1", "ServerlessService") => {
                $function::<ebb_core::api::serverless_service::ServerlessService>($($argument),*)
            }
            ("networking.internal.knative.dev", "v1alpha1", "Ingress") => {
                $function::<ebb_core::api::ingress::Ingress>($($argument),*)
            }
            ("networking.internal.knative.dev", "v1alpha1", "Certificate") => {
                $function::<ebb_core::api::certificate::Certificate>($($argument),*)
            }
            _ => $other,
        }
    };
}
pub(super) use with_kind;

/// Whether there are rules for objects of this kind.
pub(crate) fn is_known(kind: &GroupVersionKind) -> bool {
    #[expect(
        clippy::extra_unused_type_parameters,
        reason = "the macro names a type"
    )]
    fn known<K>() -> bool {
        true
    }
    let words = (
        kind.group.as_str(),
        kind.version.as_str(),
        kind.kind.as_str(),
    );
    words == ("", "v1", "ConfigMap") || with_kind!(kind, known(), else false)
}
