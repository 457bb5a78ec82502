use std::sync::Arc;

use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::build::*;
use crate::api::serverless_service::ServerlessService;
use crate::plan::Write;
use crate::plan::serverless_service::{Plan, Seen, plan};

fn sks(mode: &str, activators: i32) -> ServerlessService {
    let sks: ServerlessService = object(&format!(
        "
metadata:
  name: hello-00001
  namespace: demo
  labels: {{serving.knative.dev/revision: hello-00001}}
spec:
  mode: {mode}
  numActivators: {activators}
  protocolType: http1
  objectRef: {{apiVersion: apps/v1, kind: Deployment, name: hello-00001-deployment}}
"
    ));
    applied(&sks, 1)
}

fn slice(addresses: &[(&str, bool)]) -> Arc<EndpointSlice> {
    let endpoints: Vec<String> = addresses
        .iter()
        .map(|(ip, ready)| format!("{{addresses: ['{ip}'], conditions: {{ready: {ready}}}}}"))
        .collect();
    Arc::new(object(&format!(
        "{{addressType: IPv4, endpoints: [{}]}}",
        endpoints.join(",")
    )))
}

fn seen(pods: &[(&str, bool)], activators: &[(&str, bool)]) -> Seen {
    Seen {
        selector: Some([("serving.knative.dev/revisionUID".to_owned(), "u".to_owned())].into()),
        private_slices: vec![slice(pods)],
        activator_slices: vec![slice(activators)],
        ..Seen::default()
    }
}

fn addresses(plan: &Plan) -> Vec<String> {
    plan.slices
        .iter()
        .flat_map(|write| &write.object().endpoints)
        .map(|endpoint| {
            let ready = endpoint
                .conditions
                .as_ref()
                .and_then(|c| c.ready)
                .unwrap_or(true);
            format!(
                "{}{}",
                endpoint.addresses[0],
                if ready { "" } else { " not ready" }
            )
        })
        .collect()
}

#[track_caller]
fn check(
    mode: &str,
    pods: &[(&str, bool)],
    activators: &[(&str, bool)],
    want: &[&str],
    populated: &str,
    backed: &str,
) {
    let plan = plan(&sks(mode, 2), &seen(pods, activators), now());
    assert_eq!(addresses(&plan), want, "{mode} {pods:?} {activators:?}");
    let got = conditions(&plan.status.conditions);
    assert!(
        got[0].starts_with(&format!("ActivatorEndpointsPopulated={backed}")),
        "{got:?}"
    );
    assert!(
        got[1].starts_with(&format!("EndpointsPopulated={populated}")),
        "{got:?}"
    );
}

#[test]
fn first_pass_makes_both_services_and_the_slice() {
    insta::assert_yaml_snapshot!(plan(
        &sks("Proxy", 2),
        &seen(&[], &[("10.1.0.1", true)]),
        now()
    ));
}

#[test]
fn public_service_has_addresses_whatever_the_mode_as_long_as_there_are_any() {
    let pod: &[(&str, bool)] = &[("10.0.0.1", true)];
    let cold: &[(&str, bool)] = &[("10.0.0.1", false)];
    let activator: &[(&str, bool)] = &[("10.1.0.1", true)];
    check("Serve", pod, activator, &["10.0.0.1"], "True", "False");
    check("Proxy", pod, activator, &["10.1.0.1"], "True", "True");
    check("Serve", cold, activator, &["10.1.0.1"], "Unknown", "True");
    check("Serve", &[], activator, &["10.1.0.1"], "Unknown", "True");
    check("Proxy", pod, &[], &["10.0.0.1"], "True", "True");
    check(
        "Proxy",
        pod,
        &[("10.1.0.1", false)],
        &["10.0.0.1"],
        "True",
        "True",
    );
    check(
        "Proxy",
        cold,
        &[],
        &["10.0.0.1 not ready"],
        "Unknown",
        "True",
    );
    let away: &[(&str, bool)] = &[("10.1.0.1", false)];
    check(
        "Proxy",
        &[],
        away,
        &["10.1.0.1 not ready"],
        "Unknown",
        "True",
    );
    check(
        "Serve",
        cold,
        away,
        &["10.0.0.1 not ready", "10.1.0.1 not ready"],
        "Unknown",
        "True",
    );
    check("Proxy", &[], &[], &[], "Unknown", "True");
}

#[test]
fn unready_pods_are_listed_as_such_in_serve() {
    check(
        "Serve",
        &[("10.0.0.1", true), ("10.0.0.2", false)],
        &[],
        &["10.0.0.1", "10.0.0.2 not ready"],
        "True",
        "False",
    );
}

#[test]
fn proxy_takes_the_published_activators() {
    let all: Vec<String> = (1..=6).map(|i| format!("10.0.0.{i}")).collect();
    let all: Vec<(&str, bool)> = all.iter().map(|ip| (ip.as_str(), true)).collect();
    check(
        "Proxy",
        &[],
        &all,
        &["10.0.0.4", "10.0.0.5"],
        "Unknown",
        "True",
    );
    let every = plan(&sks("Proxy", 0), &seen(&[], &all), now());
    assert_eq!(addresses(&every).len(), 6);
}

#[test]
fn switch_from_proxy_to_serve_is_one_write_of_one_slice() {
    let mut seen = seen(&[("10.0.0.1", true)], &[("10.1.0.1", true)]);
    let proxying = plan(&sks("Proxy", 2), &seen, now());
    seen.public_slices = vec![Arc::new(proxying.slices[0].object().clone())];
    seen.private_service = Some(Arc::new(proxying.private_service.unwrap().object().clone()));
    seen.public_service = Some(Arc::new(proxying.public_service.unwrap().object().clone()));
    let serving = plan(&sks("Serve", 2), &seen, now());
    assert_eq!(
        (
            serving.private_service,
            serving.public_service,
            serving.obsolete_slices
        ),
        (None, None, vec![])
    );
    let [Write::Update(slice)] = serving.slices.as_slice() else {
        panic!("{:?}", serving.slices)
    };
    assert_eq!(slice.metadata.name.as_deref(), Some("hello-00001"));
    assert_eq!(slice.endpoints[0].addresses, ["10.0.0.1"]);
}

#[test]
fn nothing_changes_nothing_is_written() {
    let mut seen = seen(&[("10.0.0.1", true)], &[]);
    let first = plan(&sks("Serve", 2), &seen, now());
    seen.public_slices = vec![Arc::new(first.slices[0].object().clone())];
    seen.private_service = Some(Arc::new(first.private_service.unwrap().object().clone()));
    seen.public_service = Some(Arc::new(first.public_service.unwrap().object().clone()));
    let second = plan(&sks("Serve", 2), &seen, now());
    assert_eq!(
        (second.private_service, second.public_service, second.slices),
        (None, None, vec![])
    );
}

#[test]
fn each_address_family_and_each_thousand_has_a_slice() {
    let many: Vec<String> = (0..1001)
        .map(|i| format!("10.0.{}.{}", i / 250, i % 250))
        .collect();
    let mut pods: Vec<(&str, bool)> = many.iter().map(|ip| (ip.as_str(), true)).collect();
    pods.push(("fd00::1", true));
    let plan = plan(&sks("Serve", 0), &seen(&pods, &[]), now());
    let got: Vec<(String, usize)> = plan
        .slices
        .iter()
        .map(|write| {
            (
                write.object().metadata.name.clone().unwrap(),
                write.object().endpoints.len(),
            )
        })
        .collect();
    assert_eq!(
        got,
        [
            ("hello-00001".to_owned(), 1000),
            ("hello-00001-1".to_owned(), 1),
            ("hello-00001-ipv6".to_owned(), 1)
        ]
    );
}

#[test]
fn services_of_others_are_left_alone() {
    let mut seen = seen(&[], &[]);
    seen.public_service = Some(Arc::new(object(
        "metadata: {name: hello-00001, namespace: demo}",
    )));
    let plan = plan(&sks("Proxy", 2), &seen, now());
    assert_eq!(
        (plan.private_service, plan.public_service, plan.slices),
        (None, None, vec![])
    );
    assert_eq!(
        plan.failure.as_deref(),
        Some("SKS: hello-00001 does not own Service: hello-00001")
    );
    assert_eq!(
        conditions(&plan.status.conditions)[0],
        "EndpointsPopulated=False NotOwned: Resource hello-00001 of type Service is not owned by SKS"
    );
}
