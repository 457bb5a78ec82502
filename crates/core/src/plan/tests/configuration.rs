use super::build::*;
use crate::api::revision::Revision;
use crate::plan::configuration::{Plan, Seen, creation_failed, plan};

fn seen(revisions: impl IntoIterator<Item = Revision>) -> Seen {
    Seen {
        revisions: shared(revisions),
        named: None,
    }
}

fn outcome(plan: &Plan) -> (String, String, Vec<String>) {
    let status = &plan.status;
    (
        status.latest_created_revision_name.clone(),
        status.latest_ready_revision_name.clone(),
        conditions(&status.conditions),
    )
}

#[test]
fn first_pass_makes_a_revision() {
    insta::assert_yaml_snapshot!(plan(&configuration(), &Seen::default(), now()));
}

#[test]
fn revision_without_a_route_is_pending() {
    let mut configuration = configuration();
    configuration.metadata.annotations = None;
    let revision = plan(&configuration, &Seen::default(), now())
        .create
        .unwrap();
    assert_eq!(
        revision.metadata.labels.unwrap()["serving.knative.dev/routingState"],
        "pending"
    );
}

#[test]
fn ready_revision_makes_the_configuration_ready() {
    let configuration = with_latest(configuration(), "hello-00001", "");
    let plan = plan(&configuration, &seen([ready(revision(1))]), now());
    assert_eq!(plan.create, None);
    assert_eq!(
        outcome(&plan),
        (
            "hello-00001".into(),
            "hello-00001".into(),
            vec!["Ready=True".into()]
        )
    );
    assert_eq!(
        notes(&plan.notes),
        [
            "ConfigurationReady: Configuration becomes ready",
            "LatestReadyUpdate: LatestReadyRevisionName updated to \"hello-00001\""
        ]
    );
}

#[test]
fn failed_revision_leaves_the_old_one_in_place() {
    let mut configuration = with_latest(configuration(), "hello-00002", "hello-00001");
    configuration.metadata.generation = Some(2);
    let seen = seen([
        ready(revision(1)),
        failed(revision(2), "ExitCode1", "Container failed with: boom"),
    ]);
    let plan = plan(&configuration, &seen, now());
    assert_eq!(
        outcome(&plan),
        (
            "hello-00002".into(),
            "hello-00001".into(),
            vec![
                "Ready=False RevisionFailed: Revision \"hello-00002\" failed with message: Container failed with: boom.."
                    .replace("..", ".")
            ]
        )
    );
    assert_eq!(
        notes(&plan.notes),
        ["LatestCreatedFailed: Latest created revision \"hello-00002\" has failed"]
    );
}

#[test]
fn latest_ready_never_goes_back_to_an_older_generation() {
    let mut configuration = with_latest(configuration(), "hello-00003", "hello-00002");
    configuration.metadata.generation = Some(3);
    let seen = seen([
        ready(revision(1)),
        failed(revision(2), "X", "y"),
        unknown(revision(3)),
    ]);
    assert_eq!(
        plan(&configuration, &seen, now())
            .status
            .latest_ready_revision_name,
        "hello-00002"
    );
}

#[test]
fn naming_an_older_revision_rolls_back() {
    let mut configuration = with_latest(configuration(), "hello-00002", "hello-00002");
    configuration.metadata.generation = Some(3);
    configuration.spec.template.metadata.name = Some("hello-00001".into());
    let mut old = ready(revision(1));
    old.spec = configuration.spec.template.spec.clone();
    let seen = Seen {
        revisions: shared([old.clone(), ready(revision(2))]),
        named: Some(std::sync::Arc::new(old)),
    };
    let plan = plan(&configuration, &seen, now());
    assert_eq!(plan.create, None);
    assert_eq!(
        outcome(&plan),
        (
            "hello-00001".into(),
            "hello-00001".into(),
            vec!["Ready=True".into()]
        )
    );
}

#[test]
fn name_of_another_template_is_a_conflict_and_no_retry() {
    let mut configuration = configuration();
    configuration.metadata.generation = Some(2);
    configuration.spec.template.metadata.name = Some("hello-00001".into());
    configuration.spec.template.spec.pod.containers[0].image = Some("dev.local/other:1".into());
    let taken = std::sync::Arc::new(revision(1));
    let plan = plan(
        &configuration,
        &Seen {
            revisions: vec![taken.clone()],
            named: Some(taken),
        },
        now(),
    );
    assert_eq!(plan.create, None);
    assert_eq!(
        conditions(&plan.status.conditions),
        [
            "Ready=False RevisionFailed: Revision creation failed with message: revisions.serving.knative.dev \"hello-00001\" already exists."
        ]
    );
}

#[test]
fn refused_creation_is_told() {
    let status = creation_failed(&configuration(), "quota exceeded", now());
    assert_eq!(
        conditions(&status.conditions),
        ["Ready=False RevisionFailed: Revision creation failed with message: quota exceeded."]
    );
}
