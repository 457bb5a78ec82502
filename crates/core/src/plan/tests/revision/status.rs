//! What the status says of Deployment, pods and PodAutoscaler.

use super::*;

#[test]
fn what_a_pod_shows_is_told_at_once() {
    let waiting = |reason: &str| {
        format!(
            "{{containerStatuses: [{{name: user-container, state: {{waiting: {{reason: {reason}, message: why}}}}}}]}}"
        )
    };
    let ended = |state: &str, code: i32, message: &str| {
        format!(
            "{{containerStatuses: [{{name: queue-proxy, {state}: {{terminated: {{exitCode: 9}}}}}}, {{name: user-container, {state}: {{terminated: {{exitCode: {code}, message: '{message}'}}}}}}]}}"
        )
    };
    let progressing = "{conditions: [{type: Progressing, status: 'True'}]}";
    let timed_out = "{conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: slow}]}";
    let quota = "{conditions: [{type: Progressing, status: 'True'}, {type: ReplicaFailure, status: 'True', reason: FailedCreate, message: exceeded quota}]}";
    let unschedulable = "{conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: Insufficient cpu}]}";
    let none = "Unknown";
    for (deployment, pod, resources, container) in [
        (progressing, "{}".to_owned(), "Unknown Deploying", none),
        ("{}", "{}".to_owned(), "Unknown Deploying", none),
        (
            progressing,
            waiting("ContainerCreating"),
            "Unknown Deploying",
            none,
        ),
        (
            progressing,
            waiting("ErrImagePull"),
            "False ErrImagePull why",
            none,
        ),
        (
            progressing,
            waiting("ImagePullBackOff"),
            "False ImagePullBackOff why",
            none,
        ),
        (
            timed_out,
            waiting("ContainerCreating"),
            "False ContainerCreating why",
            none,
        ),
        (
            timed_out,
            "{}".to_owned(),
            "False ProgressDeadlineExceeded slow",
            none,
        ),
        (
            progressing,
            ended("lastState", 5, "boom"),
            "Unknown Deploying",
            "False ExitCode5 Container failed with: boom",
        ),
        (
            progressing,
            ended("state", 5, "boom"),
            "Unknown Deploying",
            "False ExitCode5 Container failed with: boom",
        ),
        (
            progressing,
            ended("lastState", 0, ""),
            "Unknown Deploying",
            "False ExitCode0 Container failed with: container exited with no error",
        ),
        (
            progressing,
            unschedulable.to_owned(),
            "False Unschedulable Insufficient cpu",
            none,
        ),
        (
            quota,
            "{}".to_owned(),
            "False FailedCreate exceeded quota",
            none,
        ),
    ] {
        let (revision, cluster) = (plain(), Cluster::new());
        let pod: Pod = object(&format!("{{metadata: {{name: p}}, status: {pod}}}"));
        let seen = Seen {
            deployment: Some(Arc::new(deployed(&revision, &cluster, deployment))),
            pods: shared([pod.clone()]),
            pod_autoscaler: Some(Arc::new(unknown(scaler(&revision)))),
            ..Seen::default()
        };
        let got = cluster.plan(&revision, &seen);
        assert_eq!(
            state(&got.status, RevisionCond::ResourcesAvailable),
            resources,
            "{deployment} {pod:?}"
        );
        assert_eq!(
            state(&got.status, RevisionCond::ContainerHealthy),
            container,
            "{deployment} {pod:?}"
        );
        let broken = resources.starts_with("False") || container.starts_with("False");
        let wanted = if broken {
            Reachability::Unreachable
        } else {
            Reachability::Reachable
        };
        let reachability = got
            .pod_autoscaler
            .map(|write| write.object().spec.reachability.clone());
        assert_eq!(reachability.unwrap_or(Reachability::Reachable), wanted);
    }
}

#[test]
fn queue_proxy_that_cannot_start_is_told_too() {
    let (revision, cluster) = (plain(), Cluster::new());
    let pod: Pod = object(
        "{metadata: {name: p}, status: {containerStatuses: [{name: queue-proxy, state: {waiting: {reason: ErrImagePull, message: no such image}}}]}}",
    );
    let deployment = deployed(
        &revision,
        &cluster,
        "{conditions: [{type: Progressing, status: 'True'}]}",
    );
    let seen = Seen {
        deployment: Some(Arc::new(deployment)),
        pods: shared([pod]),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert_eq!(
        state(&got.status, RevisionCond::ResourcesAvailable),
        "False ErrImagePull no such image"
    );
}

#[test]
fn initialised_scaler_makes_the_revision_ready() {
    let (revision, cluster) = (plain(), Cluster::new());
    let mut scaler = ready(scaler(&revision));
    let status = scaler.status_mut();
    status.service_name = "hello-00001".into();
    (status.actual_scale, status.desired_scale) = (Some(1), Some(-1));
    let seen = Seen {
        deployment: Some(Arc::new(deployed(
            &revision,
            &cluster,
            "{readyReplicas: 1, availableReplicas: 1, conditions: [{type: Progressing, status: 'True'}]}",
        ))),
        pod_autoscaler: Some(Arc::new(scaler)),
        images: ["hello-00001-cache-user-container".to_owned()].into(),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert_eq!(
        conditions(&got.status.conditions),
        [
            "Active=True",
            "ContainerHealthy=True",
            "Ready=True",
            "ResourcesAvailable=True"
        ]
    );
    assert_eq!(
        (got.status.actual_replicas, got.status.desired_replicas),
        (Some(1), None)
    );
    assert_eq!(
        notes(&got.notes),
        ["RevisionReady: Revision becomes ready upon all resources being ready"]
    );
    assert_eq!(
        (got.deployment, got.pod_autoscaler, got.images),
        (None, None, vec![])
    );
}

#[test]
fn revision_stays_ready_at_zero() {
    let (revision, cluster) = (ready(plain()), Cluster::new());
    let mut live = deployed(
        &plain(),
        &cluster,
        "{conditions: [{type: Progressing, status: 'True'}]}",
    );
    live.spec.as_mut().unwrap().replicas = Some(0);
    let mut scaler = scaler(&plain());
    scaler.status = Some(object(
        "{serviceName: hello-00001, metricsServiceName: x, conditions: [{type: Active, status: 'False', reason: NoTraffic, message: quiet}, {type: Ready, status: 'False', reason: NoTraffic, message: quiet}, {type: ScaleTargetInitialized, status: 'True'}]}",
    ));
    let seen = Seen {
        deployment: Some(Arc::new(live)),
        pod_autoscaler: Some(Arc::new(scaler)),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert!(got.status.conditions.is_ready());
    assert_eq!(
        state(&got.status, RevisionCond::Active),
        "False NoTraffic quiet"
    );
}

#[test]
fn initial_scale_that_was_never_reached_fails_the_revision() {
    let (revision, cluster) = (plain(), Cluster::new());
    let mut scaler = failed(scaler(&revision), "NoTraffic", "quiet");
    scaler.status_mut().service_name = "hello-00001".into();
    let mut live = deployed(
        &revision,
        &cluster,
        "{conditions: [{type: Progressing, status: 'True'}]}",
    );
    live.spec.as_mut().unwrap().replicas = Some(0);
    let seen = Seen {
        deployment: Some(Arc::new(live)),
        pod_autoscaler: Some(Arc::new(scaler)),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert_eq!(
        state(&got.status, RevisionCond::ResourcesAvailable),
        "False ProgressDeadlineExceeded Initial scale was never achieved"
    );
}
