//! How long reviews take, and how they end.

use std::time::Duration;

use ebb_process::metrics::Registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::admit::review::{Request, Response};

/// Bounds of the durations, in seconds.
const BOUNDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// What a review was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    /// To fill in an object.
    Defaulting,
    /// To judge an object.
    Validation,
    /// To judge a ConfigMap.
    Admission,
}

impl EncodeLabelValue for Type {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let text = match self {
            Self::Defaulting => "defaulting",
            Self::Validation => "validation",
            Self::Admission => "admission",
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}

/// Groups, kinds and operations are those of the rules we register, so there are few of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kn_webhook_type: Type,
    kn_webhook_resource_group: String,
    kn_webhook_resource_version: String,
    kn_webhook_resource_kind: String,
    kn_webhook_subresource: String,
    kn_webhook_operation_type: String,
    kn_webhook_operation_status: &'static str,
}

/// The webhook's own metrics. `Default` gives unregistered ones.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    duration: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            duration: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
        }
    }
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "kn_webhook_handler_duration_seconds",
            "How long a review took",
            metrics.duration.clone(),
        );
        metrics
    }

    /// Records a review that was answered.
    pub(crate) fn reviewed(
        &self,
        type_: Type,
        request: &Request,
        response: &Response,
        took: Duration,
    ) {
        let labels = Labels {
            kn_webhook_type: type_,
            kn_webhook_resource_group: request.kind.group.clone(),
            kn_webhook_resource_version: request.kind.version.clone(),
            kn_webhook_resource_kind: request.kind.kind.clone(),
            kn_webhook_subresource: request.sub_resource.clone(),
            kn_webhook_operation_type: request.operation.clone(),
            kn_webhook_operation_status: if response.allowed {
                "success"
            } else {
                "failure"
            },
        };
        self.duration
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }
}
