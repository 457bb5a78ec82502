//! The Deployment: when it is written, and what of a Revision's annotations it carries.

use super::*;

#[test]
fn first_pass_makes_everything() {
    let got = Cluster::new().plan(&plain(), &Seen::default());
    insta::assert_yaml_snapshot!(got);
}

#[test]
fn odd_numbers_never_reach_the_deployment() {
    for (annotations, replicas, deadline) in [
        ("{}", 1, 600),
        ("{autoscaling.knative.dev/initial-scale: '-1'}", 0, 600),
        ("{autoscaling.knative.dev/initial-scale: lots}", 0, 600),
        ("{autoscaling.knative.dev/initial-scale: '+3'}", 3, 600),
        ("{serving.knative.dev/progress-deadline: -1s}", 1, 600),
        ("{serving.knative.dev/progress-deadline: 0s}", 1, 600),
        ("{serving.knative.dev/progress-deadline: 100ms}", 1, 600),
        ("{serving.knative.dev/progress-deadline: 30s}", 1, 30),
        (
            "{serving.knative.dev/progress-deadline: 2562047h}",
            1,
            i32::MAX,
        ),
    ] {
        let got = Cluster::new().plan(&revision_of(annotations, PLAIN), &Seen::default());
        let spec = got.deployment.unwrap().object().spec.clone().unwrap();
        assert_eq!(
            (spec.replicas, spec.progress_deadline_seconds),
            (Some(replicas), Some(deadline)),
            "{annotations}"
        );
    }
    let mut cluster = Cluster::new();
    cluster.autoscaler.initial_scale = -1;
    let got = cluster.plan(&plain(), &Seen::default());
    let spec = got.deployment.unwrap().object().spec.clone().unwrap();
    assert_eq!(spec.replicas, Some(0));
}

#[test]
fn known_hash_leaves_the_deployment_alone() {
    let (revision, cluster) = (plain(), Cluster::new());
    let mut live = deployed(&revision, &cluster, "{}");
    live.spec.as_mut().unwrap().replicas = Some(7);
    live.spec
        .as_mut()
        .unwrap()
        .template
        .spec
        .as_mut()
        .unwrap()
        .containers
        .clear();
    let seen = Seen {
        deployment: Some(Arc::new(live)),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert_eq!((got.deployment, got.hand_over), (None, None));
}

#[test]
fn update_of_the_deployment_never_names_replicas() {
    let (revision, mut cluster) = (plain(), Cluster::new());
    let mut live = deployed(&revision, &cluster, "{}");
    live.spec.as_mut().unwrap().replicas = Some(7);
    cluster.deployment.queue_sidecar_image = "dev.local/queue-proxy:2".into();
    let seen = Seen {
        deployment: Some(Arc::new(live)),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    let Some(Write::Update(update)) = got.deployment else {
        panic!()
    };
    assert_eq!(update.spec.unwrap().replicas, None);
    assert_eq!(got.hand_over, Some(HandOver { replicas: 7 }));
}

#[test]
fn objects_of_others_are_left_alone() {
    let (revision, cluster) = (plain(), Cluster::new());
    let mut foreign = deployed(&revision, &cluster, "{}");
    foreign.metadata.owner_references = None;
    foreign.metadata.labels = None;
    let seen = Seen {
        deployment: Some(Arc::new(foreign)),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert_eq!(
        (got.deployment, got.pod_autoscaler, got.images),
        (None, None, vec![])
    );
    assert_eq!(
        state(&got.status, RevisionCond::ResourcesAvailable),
        "False NotOwned There is an existing Deployment \"hello-00001-deployment\" that we do not own."
    );
    assert_eq!(
        got.failure.as_deref(),
        Some("revision: \"hello-00001\" does not own Deployment: \"hello-00001-deployment\"")
    );
}
