use std::sync::Arc;

use super::build::*;
use crate::api::configuration::Configuration;
use crate::api::meta::Conditioned;
use crate::api::route::Route;
use crate::api::service::Service;
use crate::plan::Write;
use crate::plan::service::{Plan, Seen, plan};

/// The children as the first pass makes them.
fn children(service: &Service) -> (Configuration, Route) {
    let first = plan(service, &Seen::default(), now());
    let configuration = first.configuration.unwrap().object().clone();
    let route = first.route.unwrap().object().clone();
    (applied(&configuration, 1), applied(&route, 1))
}

fn seen(configuration: Configuration, route: Route) -> Seen {
    Seen {
        configuration: Some(Arc::new(configuration)),
        route: Some(Arc::new(route)),
        named_revision: None,
    }
}

fn settled(service: &Service) -> Seen {
    let (configuration, mut route) = children(service);
    let served = "[{latestRevision: true, percent: 100, revisionName: hello-00001}]";
    route.status_mut().traffic = object(served);
    route.status_mut().url = Some("http://hello.demo.example.com".into());
    seen(
        with_latest(configuration, "hello-00001", "hello-00001"),
        ready(route),
    )
}

fn messages(plan: &Plan) -> Vec<String> {
    conditions(&plan.status.conditions)
}

#[test]
fn first_pass_makes_configuration_and_route() {
    insta::assert_yaml_snapshot!(plan(&service(), &Seen::default(), now()));
}

#[test]
fn settled_service_writes_nothing_and_is_ready() {
    let plan = plan(&service(), &settled(&service()), now());
    assert_eq!(
        (plan.configuration, plan.route, plan.failure),
        (None, None, None)
    );
    assert_eq!(
        conditions(&plan.status.conditions),
        ["ConfigurationsReady=True", "Ready=True", "RoutesReady=True"]
    );
    assert_eq!(
        plan.status.url.as_deref(),
        Some("http://hello.demo.example.com")
    );
    assert_eq!(plan.status.latest_ready_revision_name, "hello-00001");
}

#[test]
fn labels_and_annotations_that_are_taken_away_go_from_the_children_too() {
    let mut service = service();
    let seen = settled(&service);
    service.metadata.labels = None;
    let plan = plan(&service, &seen, now());
    let Some(Write::Update(configuration)) = plan.configuration else {
        panic!()
    };
    assert!(!configuration.metadata.labels.unwrap().contains_key("team"));
    let Some(Write::Update(route)) = plan.route else {
        panic!()
    };
    assert!(!route.metadata.labels.unwrap().contains_key("team"));
    assert_eq!(
        conditions(&plan.status.conditions)[0],
        "ConfigurationsReady=True",
        "metadata alone changes nothing"
    );
}

#[test]
fn new_template_makes_the_configurations_status_old_news() {
    let mut service = service();
    let seen = settled(&service);
    service.spec.template.spec.pod.containers[0].image = Some("dev.local/hello:2".into());
    let plan = plan(&service, &seen, now());
    assert!(matches!(plan.configuration, Some(Write::Update(_))));
    assert_eq!(plan.route, None);
    assert_eq!(
        messages(&plan)[0],
        "ConfigurationsReady=Unknown OutOfDate: The Configuration is still working to reflect the latest desired specification."
    );
}

#[test]
fn route_waits_for_a_named_revision_to_be_made() {
    let mut service = service();
    service.spec.template.metadata.name = Some("hello-blue".into());
    let first = plan(&service, &Seen::default(), now());
    assert!(first.configuration.is_some());
    assert_eq!(first.route, None);
}

#[test]
fn name_of_a_foreign_revision_is_taken() {
    let mut service = service();
    service.spec.template.metadata.name = Some("hello-blue".into());
    let first = plan(&service, &Seen::default(), now());
    let configuration = applied(first.configuration.unwrap().object(), 1);
    let mut foreign = revision(1);
    foreign.metadata.owner_references = None;
    let seen = Seen {
        configuration: Some(Arc::new(with_latest(configuration, "", ""))),
        route: None,
        named_revision: Some(Arc::new(foreign)),
    };
    let plan = plan(&service, &seen, now());
    assert_eq!(plan.route, None);
    assert_eq!(
        messages(&plan)[2],
        "RoutesReady=False RevisionNameTaken: The revision name \"hello-blue\" is taken by a conflicting Revision, so traffic will not be migrated"
    );
}

#[test]
fn children_of_others_are_left_alone() {
    let service = service();
    let (mut configuration, mut route) = children(&service);
    configuration.metadata.owner_references = None;
    let got = plan(&service, &seen(configuration.clone(), route.clone()), now());
    assert_eq!((&got.configuration, &got.route), (&None, &None));
    assert_eq!(
        got.failure.as_deref(),
        Some("service: \"hello\" does not own configuration: \"hello\"")
    );
    assert_eq!(
        messages(&got)[0],
        "ConfigurationsReady=False NotOwned: There is an existing Configuration \"hello\" that we do not own."
    );

    let (configuration, _) = children(&service);
    route.metadata.owner_references = None;
    let got = plan(&service, &seen(configuration, route), now());
    assert_eq!(
        got.failure.as_deref(),
        Some("service: \"hello\" does not own route: \"hello\"")
    );
}

#[test]
fn ready_route_that_serves_something_else_has_not_migrated() {
    let service = service();
    let (configuration, mut route) = children(&service);
    route.status_mut().traffic =
        object("[{latestRevision: true, percent: 100, revisionName: hello-00001}]");
    let seen = seen(
        with_latest(configuration, "hello-00002", "hello-00002"),
        ready(route),
    );
    assert_eq!(
        messages(&plan(&service, &seen, now()))[2],
        "RoutesReady=Unknown TrafficNotMigrated: Traffic is not yet migrated to the latest revision."
    );
}

#[test]
fn failures_below_are_mirrored() {
    let service = service();
    let (configuration, route) = children(&service);
    let configuration = failed(
        configuration,
        "RevisionFailed",
        "Revision \"hello-00001\" failed with message: no.",
    );
    let route = failed(
        route,
        "RevisionMissing",
        "Configuration \"hello\" does not have any ready Revision.",
    );
    let got = messages(&plan(&service, &seen(configuration, route), now()));
    assert_eq!(
        got[0],
        "ConfigurationsReady=False RevisionFailed: Revision \"hello-00001\" failed with message: no."
    );
    assert!(got[1].starts_with("Ready=False"), "{got:?}");
    assert!(
        got[2].starts_with("RoutesReady=False RevisionMissing"),
        "{got:?}"
    );
}

#[test]
fn routes_that_others_added_to_the_configuration_stay() {
    let service = service();
    let (mut configuration, route) = children(&service);
    configuration
        .metadata
        .annotations
        .get_or_insert_default()
        .insert("serving.knative.dev/routes".into(), "canary,hello".into());
    let plan = plan(&service, &seen(configuration, route), now());
    assert_eq!(plan.configuration, None);
}
