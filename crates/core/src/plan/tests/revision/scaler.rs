//! The PodAutoscaler, and the annotations meant for it.

use super::*;

#[test]
fn scaling_annotations_never_reach_the_pods() {
    let revision = revision_of(
        "{autoscaling.knative.dev/min-scale: '2', autoscaling.knative.dev/initial-scale: '3', serving.knative.dev/routes: hello, team: blue}",
        PLAIN,
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    let deployment = got.deployment.unwrap();
    let deployment = deployment.object();
    assert_eq!(
        deployment
            .metadata
            .annotations
            .as_ref()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["team"]
    );
    assert_eq!(deployment.spec.as_ref().unwrap().replicas, Some(3));
    let scaler = got.pod_autoscaler.unwrap();
    let scaler = scaler.object().metadata.annotations.as_ref().unwrap();
    assert_eq!(scaler["autoscaling.knative.dev/min-scale"], "2");
    assert_eq!(
        scaler["autoscaling.knative.dev/class"],
        "kpa.autoscaling.knative.dev"
    );
    assert!(!scaler.contains_key("serving.knative.dev/routes"));
}

#[test]
fn scaling_annotations_edited_on_the_revision_reach_the_scaler() {
    let cluster = Cluster::new();
    let before = revision_of("{autoscaling.knative.dev/min-scale: '2'}", PLAIN);
    let seen = Seen {
        deployment: Some(Arc::new(deployed(&before, &cluster, "{}"))),
        pod_autoscaler: Some(Arc::new(scaler(&before))),
        ..Seen::default()
    };
    assert_eq!(cluster.plan(&before, &seen).pod_autoscaler, None);
    let after = revision_of("{autoscaling.knative.dev/max-scale: '5'}", PLAIN);
    let got = cluster.plan(&after, &seen);
    assert_eq!(got.deployment, None, "and roll no pods");
    let Some(Write::Update(scaler)) = got.pod_autoscaler else {
        panic!()
    };
    assert_eq!(
        scaler
            .metadata
            .annotations
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>(),
        [
            (
                "autoscaling.knative.dev/class".to_owned(),
                "kpa.autoscaling.knative.dev".to_owned()
            ),
            (
                "autoscaling.knative.dev/max-scale".to_owned(),
                "5".to_owned()
            )
        ]
    );
}
