//! A Metric object as a collection understands it.

use std::time::Duration;

use ebb_core::api::metric::Metric;
use ebb_core::names::annotations::METRIC_AGGREGATION_ALGORITHM;
use ebb_core::scale::Averaging;
use ebb_core::scale::collection::Spec;

/// Reads a Metric. Windows are clamped to at least a second by the windows themselves.
pub(super) fn spec(metric: &Metric) -> Spec {
    let algorithm = metric
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| METRIC_AGGREGATION_ALGORITHM.value(annotations));
    let window = |nanoseconds: i64| Duration::from_nanos(nanoseconds.max(0).unsigned_abs());
    Spec {
        stable: window(metric.spec.stable_window),
        panic: window(metric.spec.panic_window),
        scraped: !metric.spec.scrape_target.is_empty(),
        averaging: match algorithm {
            Some("weighted-exponential" | "weightedExponential") => Averaging::WeightedExponential,
            _ => Averaging::Linear,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_metric_says_how_to_collect() {
        let metric = |algorithm: &str, target: &str| -> Metric {
            serde_json::from_value(json!({
                "metadata": {
                    "name": "m",
                    "annotations": {
                        "autoscaling.knative.dev/metric-aggregation-algorithm": algorithm,
                    },
                },
                "spec": {
                    "stableWindow": 60_000_000_000_i64,
                    "panicWindow": 6_000_000_000_i64,
                    "scrapeTarget": target,
                },
            }))
            .unwrap()
        };
        let plain = Spec {
            stable: Duration::from_secs(60),
            panic: Duration::from_secs(6),
            scraped: true,
            averaging: Averaging::Linear,
        };
        assert_eq!(spec(&metric("linear", "m-private")), plain);
        let pushed = Spec {
            scraped: false,
            averaging: Averaging::WeightedExponential,
            ..plain
        };
        assert_eq!(spec(&metric("weightedExponential", "")), pushed);
    }
}
