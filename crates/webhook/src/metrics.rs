//! How long reviews take, and how they end.

use std::time::Duration;

use ebb_process::metrics::Registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::admit::kinds;
use crate::admit::review::{GroupVersionKind, Request, Response};

/// Bounds of the durations, in seconds.
const BOUNDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// What can be done to an object, in the words of the API.
const OPERATIONS: [&str; 4] = ["CREATE", "UPDATE", "DELETE", "CONNECT"];

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

/// Anybody in the cluster can ask about anything, so words that the API server would not send are left empty: a label
/// has few values, and so does a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kn_webhook_type: Type,
    kn_webhook_resource_group: String,
    kn_webhook_resource_version: String,
    kn_webhook_resource_kind: String,
    kn_webhook_subresource: &'static str,
    kn_webhook_operation_type: &'static str,
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
        request: &Request<'_>,
        response: &Response,
        took: Duration,
    ) {
        let GroupVersionKind {
            group,
            version,
            kind,
        } = if kinds::is_known(&request.kind) {
            request.kind.clone()
        } else {
            GroupVersionKind::default()
        };
        let labels = Labels {
            kn_webhook_type: type_,
            kn_webhook_resource_group: group,
            kn_webhook_resource_version: version,
            kn_webhook_resource_kind: kind,
            kn_webhook_subresource: one_of(&["status", "scale"], &request.sub_resource),
            kn_webhook_operation_type: one_of(&OPERATIONS, &request.operation),
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

/// The word, if it is one of these; else none.
fn one_of(words: &[&'static str], word: &str) -> &'static str {
    words
        .iter()
        .copied()
        .find(|known| *known == word)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ebb_process::metrics::Exposition;

    use super::*;

    fn asked(group: &str, kind: &str, word: &str) -> Request<'static> {
        Request {
            kind: GroupVersionKind {
                group: group.to_owned(),
                version: "v1".to_owned(),
                kind: kind.to_owned(),
            },
            operation: word.to_owned(),
            sub_resource: word.to_owned(),
            ..Request::default()
        }
    }

    #[test]
    fn strangers_words_make_no_series() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let review = |request: &Request<'_>| {
            metrics.reviewed(
                Type::Validation,
                request,
                &Response::allow(),
                Duration::ZERO,
            );
        };
        for n in 0..100 {
            review(&asked(&format!("g{n}"), &format!("K{n}"), &n.to_string()));
        }
        review(&asked("serving.knative.dev", "Service", "UPDATE"));
        review(&asked("", "ConfigMap", "CREATE"));
        let text = Exposition::new(registry).text();
        let series = text.lines().filter(|line| line.contains("_count{"));
        assert_eq!(series.count(), 3, "{text}");
        assert!(
            text.contains(r#"kn_webhook_resource_kind="Service""#),
            "{text}"
        );
    }
}
