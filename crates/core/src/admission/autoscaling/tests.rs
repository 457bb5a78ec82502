//! The autoscaling annotations, by example.

use std::sync::Arc;

use crate::admission::testing::{accepts, judge, policy, refuses};
use crate::admission::{Policy, Verb};
use crate::api::revision::Revision;
use crate::config::test::data;
use crate::config::{Autoscaler, Settings as _};

#[test]
fn api_10_3_autoscaling_annotations() {
    let with = |annotations: &str| {
        format!(
            "{{metadata: {{name: a, annotations: {{{annotations}}}}}, spec: {{containers: [{{image: shop}}]}}}}"
        )
    };
    let check = |annotations: &str, want: &str| refuses::<Revision>(&with(annotations), want);
    let at = "metadata.annotations.autoscaling.knative.dev";
    let one = |key: &str, value: &str, want: &str| {
        check(
            &format!("autoscaling.knative.dev/{key}: '{value}'"),
            &format!("{want}: {at}/{key}"),
        );
    };
    one("class", "foo.knative.dev", "invalid value: foo.knative.dev");
    one("metric", "cpu", "invalid value: cpu");
    one("target", "0.001", "target 0.001 should be at least 0.01");
    one("target", "x", "invalid value: x");
    one("target", "NaN", "invalid value: NaN");
    one("target", "Inf", "invalid value: Inf");
    one(
        "target-utilization-percentage",
        "101",
        "expected 1 <= 101 <= 100",
    );
    one("target-burst-capacity", "-2", "invalid value: -2");
    one("target-burst-capacity", "NaN", "invalid value: NaN");
    one("min-scale", "-1", "expected 0 <= -1 <= 2147483647");
    one("min-scale", "-01", "expected 0 <= -01 <= 2147483647");
    one(
        "max-scale",
        "99999999999999999999",
        "expected 0 <= 99999999999999999999 <= 2147483647",
    );
    one("min-scale", "x", "invalid value: x");
    one("minScale", "x", "invalid value: x");
    one("scale-down-delay", "2h", "expected 0s <= 2h <= 1h0m0s");
    one(
        "scale-down-delay",
        "1.5s",
        "must be specified with at most second precision",
    );
    one(
        "scale-to-zero-pod-retention-period",
        "2h",
        "expected 0s <= 2h <= 1h0m0s",
    );
    one("window", "5s", "expected 6s <= 5s <= 1h0m0s");
    one(
        "window",
        "6.5s",
        "must be specified with at most second precision",
    );
    one("panic-window-percentage", "0.5", "expected 1 <= 0.5 <= 100");
    one(
        "panic-threshold-percentage",
        "100",
        "expected 110 <= 100 <= 1000",
    );
    one(
        "activation-scale",
        "1",
        "activation-scale=1 must be greater than 1",
    );
    check(
        "autoscaling.knative.dev/min-scale: '5', autoscaling.knative.dev/max-scale: '3'",
        &format!("max-scale=3 is less than min-scale=5: {at}/max-scale, {at}/min-scale"),
    );
    check(
        "autoscaling.knative.dev/min-scale: '5', autoscaling.knative.dev/activation-scale: '3'",
        &format!("min-scale=5 is greater than activation-scale=3: {at}/activation-scale"),
    );
    check(
        "autoscaling.knative.dev/max-scale: '2', autoscaling.knative.dev/activation-scale: '3'",
        &format!("max-scale=2 is less than activation-scale=3: {at}/activation-scale"),
    );
    check(
        "autoscaling.knative.dev/initial-scale: '-2'",
        &format!("invalid value: -2: {at}/initial-scale must be greater than 0"),
    );
    check(
        "autoscaling.knative.dev/initial-scale: '0'",
        &format!("invalid value: 0: {at}/initial-scale=0 not allowed by cluster"),
    );
    check(
        "autoscaling.knative.dev/class: kpa.autoscaling.knative.dev, autoscaling.knative.dev/metric-aggregation-algorithm: x",
        &format!("invalid value: x: {at}/metric-aggregation-algorithm"),
    );
    accepts::<Revision>(&with(
        "autoscaling.knative.dev/class: mine, autoscaling.knative.dev/metric: any, autoscaling.knative.dev/other: x",
    ));
    accepts::<Revision>(&with(
        "autoscaling.knative.dev/class: hpa.autoscaling.knative.dev, autoscaling.knative.dev/metric: cpu",
    ));
    accepts::<Revision>(&with(
        "autoscaling.knative.dev/target: '10', autoscaling.knative.dev/minScale: '0', autoscaling.knative.dev/maxScale: '10'",
    ));
}

#[test]
fn the_clusters_scale_limit_holds() {
    let autoscaler =
        Autoscaler::parse(&data([("max-scale-limit", "10"), ("max-scale", "10")])).unwrap();
    let policy = Policy {
        autoscaler: Arc::new(autoscaler),
        ..policy(&[])
    };
    let check = |max: &str, want: &str| {
        let yaml = format!(
            "{{metadata: {{name: a, annotations: {{autoscaling.knative.dev/max-scale: '{max}'}}}}, spec: {{containers: [{{image: shop}}]}}}}"
        );
        let (errors, _) = judge::<Revision>(&yaml, None, &policy, Verb::Create).part();
        assert_eq!(errors.to_string(), want);
    };
    check("10", "");
    check(
        "20', autoscaling.knative.dev/min-scale: 'x",
        "expected 1 <= 20 <= 10: metadata.annotations.autoscaling.knative.dev/max-scale\n\
         invalid value: x: metadata.annotations.autoscaling.knative.dev/min-scale",
    );
    check(
        "20",
        "expected 1 <= 20 <= 10: metadata.annotations.autoscaling.knative.dev/max-scale",
    );
    check(
        "0",
        "max-scale=0 (unlimited), must be less than 10: metadata.annotations.autoscaling.knative.dev/max-scale",
    );
}
