//! Rules that hold for every map.

use proptest::prelude::*;

use super::*;

#[test]
fn config_1_2_texts_are_trimmed_and_numbers_are_not() {
    let s = accepts::<Autoscaler>(&[("pod-autoscaler-class", "  mine\n")]);
    assert_eq!(s.pod_autoscaler_class, "mine");
    let s = accepts::<Deployment>(&[
        ("queue-sidecar-image", " image \n"),
        ("registries-skipping-tag-resolving", " a , b,,"),
    ]);
    assert_eq!(s.queue_sidecar_image, "image");
    assert_eq!(
        s.registries_skipping_tag_resolving,
        ["a", "b", ""].map(str::to_owned).into()
    );
    refuses::<Autoscaler>(
        &[("min-scale", " 1")],
        "failed to parse data: failed to parse \"min-scale\": strconv.ParseInt: parsing \" 1\": invalid syntax",
    );
    refuses::<Autoscaler>(
        &[("enable-scale-to-zero", "true ")],
        "failed to parse data: failed to parse \"enable-scale-to-zero\": strconv.ParseBool: parsing \"true \": invalid syntax",
    );
}

#[test]
fn config_1_2_types_have_gos_texts() {
    let s = |rest: &str| format!("failed to parse data: failed to parse {rest}");
    for (key, value, want) in [
        (
            "allow-zero-initial-scale",
            "yes",
            r#""allow-zero-initial-scale": strconv.ParseBool: parsing "yes": invalid syntax"#,
        ),
        (
            "max-scale",
            "2147483648",
            r#""max-scale": strconv.ParseInt: parsing "2147483648": value out of range"#,
        ),
        (
            "activator-capacity",
            "many",
            r#""activator-capacity": strconv.ParseFloat: parsing "many": invalid syntax"#,
        ),
        (
            "stable-window",
            "60",
            r#""stable-window": time: missing unit in duration "60""#,
        ),
        (
            "stable-window",
            "x",
            r#""stable-window": time: invalid duration "x""#,
        ),
    ] {
        refuses::<Autoscaler>(&[(key, value)], &s(want));
    }
    refuses::<LeaderElection>(
        &[("buckets", "-1")],
        r#"failed to parse "buckets": strconv.ParseUint: parsing "-1": invalid syntax"#,
    );
    refuses::<Defaults>(
        &[("revision-cpu-limit", "100mx")],
        "failed to parse \"revision-cpu-limit\": quantities must match the regular expression \
         '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
    refuses::<Defaults>(
        &[("revision-cpu-limit", "100mm")],
        "failed to parse \"revision-cpu-limit\": unable to parse quantity's suffix",
    );
}

#[test]
fn config_1_2_an_empty_set_has_one_empty_member() {
    let s = accepts::<Deployment>(&[
        ("queue-sidecar-image", "x"),
        ("registries-skipping-tag-resolving", ""),
    ]);
    assert_eq!(s.registries_skipping_tag_resolving, [String::new()].into());
}

#[test]
fn config_1_2_unknown_keys_are_ignored() {
    nothing_means_the_defaults::<Autoscaler>();
    nothing_means_the_defaults::<CertManager>();
    nothing_means_the_defaults::<Defaults>();
    nothing_means_the_defaults::<Features>();
    nothing_means_the_defaults::<Gc>();
    nothing_means_the_defaults::<LeaderElection>();
    nothing_means_the_defaults::<Logging>();
    nothing_means_the_defaults::<Network>();
    nothing_means_the_defaults::<Observability>();
}

#[test]
fn config_1_2_legacy_spellings_are_read_before_all_others() {
    refuses::<Deployment>(
        &[
            ("queueSidecarImage", "x"),
            ("progress-deadline", "soon"),
            ("digestResolutionTimeout", "later"),
        ],
        "failed to parse \"digestResolutionTimeout\": time: invalid duration \"later\"\n\
         failed to parse \"progress-deadline\": time: invalid duration \"soon\"",
    );
}

#[test]
fn every_problem_is_reported_with_its_key_and_value() {
    let errors = Autoscaler::parse(&data([
        ("min-scale", "x"),
        ("activator-capacity", "0"),
        ("max-scale-up-rate", "1"),
    ]))
    .unwrap_err();
    let found: Vec<_> = errors
        .problems()
        .iter()
        .map(|p| (p.key.as_str(), p.value.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            ("min-scale", Some("x")),
            ("activator-capacity", Some("0")),
            ("max-scale-up-rate", Some("1"))
        ]
    );
}

#[test]
fn a_value_that_cannot_be_read_is_not_held_against_others() {
    // The default of max-scale, 0, would not do under a limit of 10.
    refuses::<Autoscaler>(
        &[("max-scale-limit", "10"), ("max-scale", "ten")],
        "failed to parse data: failed to parse \"max-scale\": strconv.ParseInt: parsing \"ten\": invalid syntax",
    );
    refuses::<Defaults>(
        &[
            ("revision-timeout-seconds", "900"),
            ("max-revision-timeout-seconds", "1h"),
        ],
        "failed to parse \"max-revision-timeout-seconds\": strconv.ParseInt: parsing \"1h\": invalid syntax",
    );
}

#[test]
fn keys_are_those_the_parser_asks_for() {
    assert_eq!(
        LeaderElection::keys(),
        [
            "leaseDuration",
            "lease-duration",
            "renewDeadline",
            "renew-deadline",
            "retryPeriod",
            "retry-period",
            "buckets",
            "map-lease-prefix.*"
        ]
    );
    assert_eq!(Domain::keys(), ["*"]);
}

#[test]
fn config_1_4_eleven_maps_are_judged() {
    for name in [
        "config-autoscaler",
        "config-certmanager",
        "config-defaults",
        "config-deployment",
        "config-domain",
        "config-features",
        "config-gc",
        "config-leader-election",
        "config-logging",
        "config-network",
        "config-observability",
    ] {
        assert!(is_known(name), "{name}");
    }
    for name in ["config-tracing", "config-br-defaults", "anything"] {
        assert!(!is_known(name), "{name}");
        assert!(check(name, &data([("min-scale", "y")])).is_ok());
    }
    assert!(check("config-gc", &data([("min-non-active-revisions", "y")])).is_err());
    assert!(check("config-deployment", &Data::new()).is_err());
}

proptest! {
    #[test]
    fn a_percentage_is_a_fraction_or_refused(number in prop_oneof![
        proptest::num::f64::ANY.prop_map(go::float),
        (0.0..200.0_f64).prop_map(go::float),
        "[-+0-9.eEinfaNx_]{0,12}",
    ]) {
        let key = "container-concurrency-target-percentage";
        let parsed = Autoscaler::parse(&data([
            (key, number.as_str()),
            ("container-concurrency-target-default", "1e300"),
        ]));
        if let Ok(s) = parsed {
            let fraction = s.container_concurrency_target_fraction;
            prop_assert!(fraction > 0.0 && fraction <= 1.0, "{number} gives {fraction}");
            // Written as percent above 1 it is read as the same again.
            let percent = fraction * 100.0;
            if percent > 1.0 {
                let text = go::float(percent);
                let again = accepts::<Autoscaler>(&[(key, text.as_str())]);
                prop_assert!((again.container_concurrency_target_fraction - fraction).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn no_map_panics(name in 0..KNOWN.len(), key in 0..40_usize, value in "[-+0-9.a-zA-Z{}\\[\\]:,\"'|& \n]{0,24}") {
        let known = &KNOWN[name];
        let keys = (known.keys)();
        let key = keys[key % keys.len()].replace('*', "x");
        let _ = (known.check)(&data([(key.as_str(), value.as_str())]));
    }
}
