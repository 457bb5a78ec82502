//! What an operator reads: every problem of a map on a line of its own, and what is allowed where
//! upstream's words leave that open.

use super::*;

#[track_caller]
fn told<S: Settings>(entries: &[(&str, &str)]) -> String {
    S::parse(&map(entries))
        .err()
        .expect("the map is bad")
        .to_string()
}

#[test]
fn messages_of_config_autoscaler() {
    insta::assert_snapshot!(told::<Autoscaler>(&[
        ("enable-scale-to-zero", "yes"),
        ("stable-window", "60"),
        ("target-burst-capacity", "-2"),
        ("max-scale-limit", "10"),
        ("min-scale", "x"),
        ("panic-window-percentage", "ten"),
    ]));
}

#[test]
fn messages_of_config_certmanager_and_domain() {
    insta::assert_snapshot!(told::<CertManager>(&[
        ("issuerRef", "name: [x]"),
        ("clusterLocalIssuerRef", "x"),
    ]));
    insta::assert_snapshot!(told::<Domain>(&[
        ("example.com", "selector: x"),
        ("example.org", "type: 5"),
    ]));
}

#[test]
fn messages_of_config_defaults() {
    insta::assert_snapshot!(told::<Defaults>(&[
        ("revision-timeout-seconds", "700"),
        ("revision-idle-timeout-seconds", "5s"),
        ("revision-memory-limit", "1 Gi"),
        ("container-name-template", "{{.Nmae}}"),
        ("init-container-name-template", "{{if}}"),
        ("container-concurrency", "-1"),
    ]));
}

#[test]
fn messages_of_config_deployment() {
    insta::assert_snapshot!(told::<Deployment>(&[
        ("queueSidecarCPULimit", "x"),
        ("progress-deadline", "-1.5s"),
        ("default-affinity-type", "spread"),
        ("runtime-class-name", "Kata: {selector: {\"a b\": c}}"),
        ("pod-is-always-schedulable", "on"),
    ]));
}

#[test]
fn messages_of_config_gc_leader_election_and_logging() {
    insta::assert_snapshot!(told::<Gc>(&[
        ("retain-since-create-time", "2 days"),
        ("retain-since-last-active-time", "-1h"),
        ("max-non-active-revisions", "all"),
        ("min-non-active-revisions", "-3"),
    ]));
    insta::assert_snapshot!(told::<LeaderElection>(&[
        ("leaseDuration", "1"),
        ("retry-period", "soon"),
        ("buckets", "11"),
    ]));
    insta::assert_snapshot!(told::<Logging>(&[
        ("loglevel.controller", "loud"),
        ("loglevel.webhook", "5"),
    ]));
}

#[test]
fn messages_of_config_network() {
    insta::assert_snapshot!(told::<Network>(&[
        ("domain-template", "{{.Name}}/{{.Domain}}"),
        ("tag-template", "{{.Tga}}"),
        ("httpProtocol", "redirect"),
        ("system-internal-tls", "yes"),
        ("cluster-local-domain-tls", "on"),
        ("rollout-duration", "-1"),
        ("namespace-wildcard-cert-selector", "matchLabels: []"),
        ("internal-encryption", "Enabled"),
    ]));
}

#[test]
fn messages_of_config_observability() {
    insta::assert_snapshot!(told::<Observability>(&[
        ("metrics-protocol", "opencensus"),
        ("request-metrics-protocol", "grpc"),
        ("request-metrics-export-interval", "-1s"),
        ("tracing-endpoint", "x:1"),
        ("tracing-sampling-rate", "10"),
        ("runtime-profiling", "on"),
        ("logging.enable-request-log", "true"),
        ("logging.request-log-template", ""),
    ]));
}
