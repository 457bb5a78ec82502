//! The objects that a PodAutoscaler has made: a ServerlessService and a Metric.

use std::time::Duration;

use crate::api::metric::{Metric, MetricSpec};
use crate::api::pod_autoscaler::PodAutoscaler;
use crate::api::serverless_service::{self, ServerlessService, ServerlessServiceSpec};
use crate::names::annotations;
use crate::plan::meta;
use crate::scale::BurstCapacity;

use super::Mode;

/// The ServerlessService of `autoscaler`. It carries the class, but not the metric: nobody who
/// handles it measures.
#[must_use]
pub fn serverless_service(
    autoscaler: &PodAutoscaler,
    mode: Mode,
    activators: u32,
) -> ServerlessService {
    let parent = &autoscaler.metadata;
    let inherited = meta::without(meta::annotations(parent), |key| {
        key == annotations::METRIC || key == annotations::LAST_APPLIED
    });
    let spec = ServerlessServiceSpec {
        mode: match mode {
            Mode::Serve => serverless_service::Mode::Serve,
            Mode::Proxy => serverless_service::Mode::Proxy,
        },
        object_ref: autoscaler.spec.scale_target_ref.clone(),
        protocol_type: autoscaler.spec.protocol_type.clone(),
        num_activators: i32::try_from(activators).unwrap_or(i32::MAX),
    };
    let labels = meta::labels(parent).clone();
    ServerlessService {
        metadata: meta::child(autoscaler, meta::name(parent), labels, inherited),
        spec,
        status: None,
    }
}

/// The Metric of `autoscaler`: what to scrape and how to average. Pods are not scraped where all
/// traffic passes the activators, which report it.
#[must_use]
pub fn metric(
    autoscaler: &PodAutoscaler,
    (stable, panic): (Duration, Duration),
    burst_capacity: BurstCapacity,
    private_service: &str,
) -> Metric {
    let parent = &autoscaler.metadata;
    let inherited = meta::without(meta::annotations(parent), |key| {
        key == annotations::LAST_APPLIED
    });
    let nanoseconds = |window: Duration| i64::try_from(window.as_nanos()).unwrap_or(i64::MAX);
    let scraped = burst_capacity != BurstCapacity::Unlimited;
    let labels = meta::labels(parent).clone();
    Metric {
        metadata: meta::child(autoscaler, meta::name(parent), labels, inherited),
        spec: MetricSpec {
            stable_window: nanoseconds(stable),
            panic_window: nanoseconds(panic),
            scrape_target: if scraped {
                private_service.to_owned()
            } else {
                String::new()
            },
        },
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn autoscaler() -> PodAutoscaler {
        serde_json::from_value(json!({
            "metadata": {
                "name": "hello-00001",
                "namespace": "default",
                "uid": "u-1",
                "labels": { "serving.knative.dev/revision": "hello-00001" },
                "annotations": {
                    "autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev",
                    "autoscaling.knative.dev/metric": "concurrency",
                },
            },
            "spec": {
                "scaleTargetRef": {
                    "apiVersion": "apps/v1", "kind": "Deployment", "name": "hello-00001-deployment",
                },
                "protocolType": "http1",
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_serverless_service_is_made_of_its_autoscaler() {
        insta::assert_yaml_snapshot!(serverless_service(&autoscaler(), Mode::Proxy, 2));
    }

    #[test]
    fn a_metric_is_made_of_its_autoscaler() {
        let windows = (Duration::from_secs(60), Duration::from_secs(6));
        let private = "hello-00001-private";
        let scraped = metric(&autoscaler(), windows, BurstCapacity::Of(211.0), private);
        insta::assert_yaml_snapshot!(scraped);
        let pushed = metric(&autoscaler(), windows, BurstCapacity::Unlimited, private);
        assert_eq!(pushed.spec.scrape_target, "");
    }
}
