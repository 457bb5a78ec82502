use super::build::*;
use crate::api::meta::Conditioned;
use crate::api::route::Route;
use crate::plan::labeler::{Finalizer, Plan, Seen, plan};

const LATEST: &str = "[{configurationName: hello, latestRevision: true, percent: 100}]";

fn finalized(mut route: Route) -> Route {
    route.metadata.finalizers = Some(vec!["routes.serving.knative.dev".into()]);
    route
}

fn patches(plan: &Plan) -> Vec<String> {
    plan.revisions
        .iter()
        .chain(&plan.configurations)
        .map(|patch| {
            format!(
                "{} {} {}",
                if patch.adds { "+" } else { "-" },
                patch.name,
                patch.body["metadata"]
            )
        })
        .collect()
}

/// A bare Configuration with a pending revision that is not ready yet.
fn bare() -> Seen {
    let mut configuration = with_latest(configuration(), "hello-00001", "");
    configuration.metadata.annotations = None;
    let mut revision = revision(1);
    revision
        .metadata
        .labels
        .as_mut()
        .unwrap()
        .insert("serving.knative.dev/routingState".into(), "pending".into());
    revision.metadata.annotations = None;
    Seen {
        configurations: shared([configuration]),
        revisions: shared([revision]),
    }
}

#[test]
fn newest_revision_is_active_before_it_is_ready() {
    let got = plan(&route(LATEST), &bare(), now());
    assert_eq!(got.finalizer, Finalizer::Add);
    assert_eq!(
        patches(&got),
        [
            r#"+ hello-00001 {"annotations":{"serving.knative.dev/routes":"hello","serving.knative.dev/routingStateModified":"2026-01-02T03:04:05Z"},"labels":{"serving.knative.dev/routingState":"active"}}"#,
            r#"+ hello {"annotations":{"serving.knative.dev/routes":"hello"}}"#,
        ]
    );
}

#[test]
fn what_a_service_prepared_needs_no_patch() {
    let seen = Seen {
        configurations: shared([with_latest(configuration(), "hello-00001", "hello-00001")]),
        revisions: shared([ready(revision(1))]),
    };
    let got = plan(&finalized(ready(route(LATEST))), &seen, now());
    assert_eq!(got, Plan::default());
}

#[test]
fn old_revision_is_kept_until_the_route_has_decided() {
    let seen = Seen {
        configurations: shared([with_latest(configuration(), "hello-00002", "hello-00002")]),
        revisions: shared([ready(revision(1)), ready(revision(2))]),
    };
    assert!(patches(&plan(&finalized(unknown(route(LATEST))), &seen, now())).is_empty());
    let got = plan(&finalized(ready(route(LATEST))), &seen, now());
    assert_eq!(
        patches(&got),
        [
            r#"- hello-00001 {"annotations":{"serving.knative.dev/routes":null,"serving.knative.dev/routingStateModified":"2026-01-02T03:04:05Z"},"labels":{"serving.knative.dev/routingState":"reserve"}}"#
        ]
    );
}

#[test]
fn revision_of_two_routes_stays_active_when_one_leaves() {
    let mut shared_revision = ready(revision(1));
    shared_revision
        .metadata
        .annotations
        .as_mut()
        .unwrap()
        .insert("serving.knative.dev/routes".into(), "canary,hello".into());
    let seen = Seen {
        configurations: vec![],
        revisions: shared([shared_revision]),
    };
    let mut leaving = finalized(ready(route(LATEST)));
    leaving.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now()));
    let got = plan(&leaving, &seen, now());
    assert_eq!(got.finalizer, Finalizer::Drop);
    assert_eq!(
        patches(&got),
        [r#"- hello-00001 {"annotations":{"serving.knative.dev/routes":"canary"}}"#]
    );
}

#[test]
fn served_revision_counts_though_the_spec_moved_on() {
    let mut route = finalized(ready(route(
        "[{revisionName: hello-00002, latestRevision: false, percent: 100}]",
    )));
    route.status_mut().traffic =
        object("[{revisionName: hello-00001, latestRevision: false, percent: 100}]");
    let seen = Seen {
        configurations: shared([configuration()]),
        revisions: shared([ready(revision(1)), ready(revision(2))]),
    };
    assert!(patches(&plan(&route, &seen, now())).is_empty());
}

#[test]
fn leaving_route_without_our_finalizer_is_none_of_our_business() {
    let mut leaving = route(LATEST);
    leaving.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now()));
    assert_eq!(plan(&leaving, &bare(), now()), Plan::default());
}
