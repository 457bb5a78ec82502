use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Service;

use super::build::*;
use crate::api::configuration::Configuration;
use crate::api::meta::Conditioned;
use crate::api::revision::Revision;
use crate::api::route::{Route, RouteCond};
use crate::config::{Domain, Features, Network, Settings};
use crate::plan::route::{Config, Plan, Seen, plan};
use crate::traffic::Referents;

const LATEST: &str = "[{configurationName: hello, latestRevision: true, percent: 100}]";
const SPLIT: &str = "[
  {configurationName: hello, latestRevision: true, percent: 90},
  {revisionName: hello-00001, latestRevision: false, percent: 10, tag: old},
  {revisionName: hello-00001, latestRevision: false, percent: 0, tag: idle}]";

fn settings<S: Settings>(entries: &[(&str, &str)]) -> S {
    let data: BTreeMap<String, String> = entries
        .iter()
        .map(|(k, v)| ((*k).into(), (*v).into()))
        .collect();
    S::parse(&data).unwrap()
}

fn run_with(
    route: &Route,
    seen: &Seen,
    network: &[(&str, &str)],
    features: &[(&str, &str)],
    at: i64,
) -> Plan {
    let (domain, features, network): (Domain, Features, Network) = (
        settings(&[("example.com", "")]),
        settings(features),
        settings(network),
    );
    let config = Config {
        domain: &domain,
        features: &features,
        network: &network,
        cluster_domain: "cluster.local",
    };
    plan(
        route,
        seen,
        &config,
        now() + SignedDuration::from_millis(at),
    )
}

fn run(route: &Route, seen: &Seen) -> Plan {
    run_with(route, seen, &[], &[], 0)
}

fn seen(configuration: Configuration, revisions: impl IntoIterator<Item = Revision>) -> Seen {
    let revisions = revisions
        .into_iter()
        .map(|r| (r.metadata.name.clone().unwrap(), Arc::new(r)));
    Seen {
        referents: Referents {
            configurations: [("hello".to_owned(), Arc::new(configuration))].into(),
            revisions: revisions.collect(),
        },
        ..Seen::default()
    }
}

/// Two ready revisions, the second the latest.
fn two() -> Seen {
    seen(
        with_latest(configuration(), "hello-00002", "hello-00002"),
        [ready(revision(1)), ready(revision(2))],
    )
}

/// What the caches hold after `plan` was carried out and the gateway took the Ingress over.
fn carried_out(mut seen: Seen, plan: &Plan) -> Seen {
    if let Some(write) = &plan.ingress {
        let generation = seen.ingress.as_ref().map_or(1, |live| {
            live.metadata.generation.unwrap() + i64::from(live.spec != write.object().spec)
        });
        let mut ingress = ready(applied(write.object(), generation));
        ingress.status_mut().private_load_balancer = Some(object(
            "{ingress: [{domainInternal: gateway-internal.knative-serving.svc.cluster.local}]}",
        ));
        seen.ingress = Some(Arc::new(ingress));
    }
    for write in &plan.services {
        let name = write.object().metadata.name.clone().unwrap();
        seen.services.insert(name, Arc::new(write.object().clone()));
    }
    seen
}

fn splits(plan: &Plan, rule: usize) -> Vec<(String, i64)> {
    let ingress = plan.ingress.as_ref().unwrap().object();
    let paths = &ingress.spec.rules[rule].http.as_ref().unwrap().paths;
    paths
        .last()
        .unwrap()
        .splits
        .iter()
        .map(|s| (s.service_name.clone(), s.percent))
        .collect()
}

fn hosts(plan: &Plan) -> Vec<String> {
    let ingress = plan.ingress.as_ref().unwrap().object();
    ingress
        .spec
        .rules
        .iter()
        .map(|r| format!("{} {}", r.visibility, r.hosts.join(",")))
        .collect()
}

#[test]
fn first_pass_with_tags_makes_everything() {
    insta::assert_yaml_snapshot!(run(&route(SPLIT), &two()));
}

#[test]
fn ready_ingress_makes_the_route_ready_and_points_the_placeholder_at_the_gateway() {
    let route = route(LATEST);
    let first = run(&route, &two());
    assert_eq!(
        route_state(&first.status, RouteCond::IngressReady),
        "Unknown IngressNotConfigured Ingress has not yet been reconciled."
    );
    let placeholder = |plan: &Plan| {
        plan.services[0]
            .object()
            .spec
            .as_ref()
            .unwrap()
            .external_name
            .clone()
            .unwrap()
    };
    assert_eq!(placeholder(&first), "hello.demo.example.com");
    let second = run(&route, &carried_out(two(), &first));
    assert!(second.status.conditions.is_ready());
    assert_eq!(second.ingress, None);
    assert_eq!(
        placeholder(&second),
        "gateway-internal.knative-serving.svc.cluster.local"
    );
}

#[test]
fn old_ingress_is_left_alone_while_a_target_cannot_be_served() {
    let traffic = "[{configurationName: hello, latestRevision: true, percent: 100}]";
    let none = || with_latest(configuration(), "hello-00001", "");
    let other = {
        let mut revision = ready(revision(1));
        revision
            .metadata
            .labels
            .as_mut()
            .unwrap()
            .insert("serving.knative.dev/service".into(), "bye".into());
        revision
    };
    let pinned = "[{revisionName: hello-00001, latestRevision: false, percent: 100}]";
    for (traffic, seen, want) in [
        (
            traffic,
            seen(none(), []),
            "Unknown RevisionMissing Configuration \"hello\" is waiting for a Revision to become ready.",
        ),
        (
            traffic,
            seen(failed(none(), "RevisionFailed", "x"), []),
            "False RevisionMissing Configuration \"hello\" does not have any ready Revision.",
        ),
        (
            traffic,
            Seen::default(),
            "False ConfigurationMissing Configuration \"hello\" referenced in traffic not found.",
        ),
        (
            pinned,
            seen(none(), []),
            "False RevisionMissing Revision \"hello-00001\" referenced in traffic not found.",
        ),
        (
            pinned,
            seen(none(), [revision(1)]),
            "Unknown RevisionMissing Revision \"hello-00001\" is not yet ready.",
        ),
        (
            pinned,
            seen(none(), [failed(revision(1), "X", "y")]),
            "False RevisionMissing Revision \"hello-00001\" failed to become ready.",
        ),
        (
            pinned,
            seen(none(), [other]),
            "False RevisionNotOwned Revision \"hello-00001\" belongs to Service \"bye\", not Service \"hello\".",
        ),
    ] {
        let got = run(&route(traffic), &seen);
        assert_eq!(
            route_state(&got.status, RouteCond::AllTrafficAssigned),
            want
        );
        assert_eq!(
            (got.ingress, got.services.len(), got.failure),
            (None, 0, None)
        );
        assert_eq!(
            got.status.url.as_deref(),
            Some("http://hello.demo.example.com")
        );
    }
}

#[test]
fn failure_outweighs_an_earlier_target_that_is_only_not_ready() {
    let traffic = "[
      {configurationName: hello, latestRevision: true, percent: 50},
      {revisionName: gone, latestRevision: false, percent: 50}]";
    let got = run(
        &route(traffic),
        &seen(with_latest(configuration(), "hello-00001", ""), []),
    );
    assert_eq!(
        route_state(&got.status, RouteCond::AllTrafficAssigned),
        "False RevisionMissing Revision \"gone\" referenced in traffic not found."
    );
}

#[test]
fn private_route_has_only_names_inside() {
    let mut private = route(LATEST);
    private.metadata.labels.as_mut().unwrap().insert(
        "networking.knative.dev/visibility".into(),
        "cluster-local".into(),
    );
    let got = run(&private, &two());
    assert_eq!(
        hosts(&got),
        ["ClusterLocal hello.demo,hello.demo.svc,hello.demo.svc.cluster.local"]
    );
    assert_eq!(
        got.status.url.as_deref(),
        Some("http://hello.demo.svc.cluster.local")
    );
    let labels = got.services[0].object().metadata.labels.as_ref().unwrap();
    assert!(!labels.contains_key("networking.knative.dev/visibility"));
}

#[test]
fn label_on_a_placeholder_makes_that_tag_private() {
    let route = route(SPLIT);
    let mut seen = two();
    let mut placeholder: Service = object(
        "metadata: {name: old-hello, namespace: demo, labels: {serving.knative.dev/route: hello, networking.knative.dev/visibility: x}}",
    );
    placeholder.metadata.owner_references =
        Some(vec![crate::plan::meta::controller_reference(&route)]);
    seen.services
        .insert("old-hello".into(), Arc::new(placeholder));
    let got = run(&route, &seen);
    assert_eq!(
        got.status.traffic[1].url.as_deref(),
        Some("http://old-hello.demo.svc.cluster.local")
    );
    assert_eq!(
        hosts(&got).len(),
        5,
        "main and idle twice, old once: {:?}",
        hosts(&got)
    );
}

#[test]
fn header_routing_puts_tags_before_the_main_path() {
    let got = run_with(
        &route(SPLIT),
        &two(),
        &[],
        &[("tag-header-based-routing", "enabled")],
        0,
    );
    let ingress = got.ingress.unwrap();
    insta::assert_yaml_snapshot!(ingress.object().spec.rules[1]);
    insta::assert_yaml_snapshot!(ingress.object().spec.rules[3]);
}

#[test]
fn placeholder_of_somebody_else_is_told() {
    let mut seen = two();
    seen.services.insert(
        "hello".into(),
        Arc::new(object("metadata: {name: hello, namespace: demo}")),
    );
    let got = run(&route(LATEST), &seen);
    assert_eq!(
        route_state(&got.status, RouteCond::IngressReady),
        "False NotOwned There is an existing placeholder Service \"hello\" that we do not own."
    );
    assert_eq!(
        got.failure.as_deref(),
        Some("route: \"hello\" does not own Service: \"hello\"")
    );
    assert_eq!(got.ingress, None);
}

#[test]
fn placeholder_of_a_tag_that_is_gone_goes() {
    let first = run(&route(SPLIT), &two());
    let got = run(&route(LATEST), &carried_out(two(), &first));
    assert_eq!(got.obsolete_services, ["idle-hello", "old-hello"]);
}

#[test]
fn address_of_a_load_balancer_makes_a_headless_placeholder() {
    let route = route(LATEST);
    let first = run(&route, &two());
    let mut seen = carried_out(two(), &first);
    let mut ingress = (*seen.ingress.take().unwrap()).clone();
    ingress.status_mut().private_load_balancer = Some(object("{ingress: [{ip: 10.9.9.9}]}"));
    seen.ingress = Some(Arc::new(ingress));
    let got = run(&route, &seen);
    let spec = got.services[0].object().spec.clone().unwrap();
    assert_eq!(
        (spec.cluster_ip.as_deref(), spec.external_name),
        (Some("None"), None)
    );
    assert_eq!(got.slices[0].object().endpoints[0].addresses, ["10.9.9.9"]);
    assert!(got.replaced_services.is_empty());

    let mut back = carried_out(seen, &got);
    back.slices
        .insert("hello".into(), Arc::new(got.slices[0].object().clone()));
    assert!(run(&route, &back).obsolete_slices.is_empty());
    let mut ingress = (*back.ingress.take().unwrap()).clone();
    ingress.status_mut().private_load_balancer =
        Some(object("{ingress: [{domainInternal: gw.x.svc}]}"));
    back.ingress = Some(Arc::new(ingress));
    let got = run(&route, &back);
    assert_eq!(
        (got.services.len(), got.replaced_services.len()),
        (0, 1),
        "an address cannot be taken away in place"
    );
    assert_eq!(got.obsolete_slices, ["hello"]);
}

#[test]
fn bad_annotation_and_bad_template_are_told() {
    let mut odd = route(LATEST);
    odd.metadata.annotations.as_mut().unwrap().insert(
        "networking.knative.dev/http-protocol".into(),
        "Gopher".into(),
    );
    assert_eq!(
        run(&odd, &two()).failure.as_deref(),
        Some("incorrect http-protocol annotation: gopher")
    );

    let got = run_with(
        &route(LATEST),
        &two(),
        &[("domain-template", "{{.Name}}_x.{{.Domain}}")],
        &[],
        0,
    );
    let state = route_state(&got.status, RouteCond::AllTrafficAssigned);
    assert!(
        state.starts_with("False ErrorConfig domain name error: invalid domain name"),
        "{state}"
    );
    assert!(got.failure.is_some());
}

#[test]
fn gradual_rollout_moves_in_steps_until_the_ingress_has_everything() {
    let rollout: &[(&str, &str)] = &[("rollout-duration", "120")];
    let one = || {
        seen(
            with_latest(configuration(), "hello-00001", "hello-00001"),
            [ready(revision(1)), ready(revision(2))],
        )
    };
    let mut route = route(LATEST);
    let first = run_with(&route, &one(), rollout, &[], 0);
    assert_eq!(splits(&first, 1), [("hello-00001".to_owned(), 100)]);
    let settled = carried_out(one(), &first);
    let mut status = run_with(&route, &settled, rollout, &[], 0).status;
    assert!(status.conditions.is_ready());

    // The second revision is ready now.
    let mut seen = Seen {
        ingress: settled.ingress,
        services: settled.services,
        ..two()
    };
    let mut at = 10_000;
    let mut shares = Vec::new();
    for _ in 0..200 {
        route.status = Some(status);
        let got = run_with(&route, &seen, rollout, &[], at);
        if got.ingress.is_some() {
            shares.push(splits(&got, 1));
        }
        let wake = got.wake;
        seen = carried_out(seen, &got);
        status = got.status;
        at = match wake {
            Some(wake) => i64::try_from(wake.duration_since(now()).as_millis()).unwrap() + 1,
            None => at + 500,
        };
        if status.conditions.is_ready() {
            break;
        }
        assert!(
            route_state(&status, RouteCond::IngressReady).starts_with("Unknown RolloutInProgress")
                || route_state(&status, RouteCond::IngressReady)
                    .starts_with("Unknown IngressNotConfigured")
        );
    }
    assert_eq!(
        shares[0],
        [
            ("hello-00001".to_owned(), 99),
            ("hello-00002".to_owned(), 1)
        ]
    );
    assert_eq!(shares.last().unwrap(), &[("hello-00002".to_owned(), 100)]);
    let newest: Vec<i64> = shares.iter().map(|s| s.last().unwrap().1).collect();
    assert!(newest.is_sorted(), "{newest:?}");
    assert!((100_000..=135_000).contains(&at), "took until {at}");
}
