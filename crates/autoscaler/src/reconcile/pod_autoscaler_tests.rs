//! Passes against an API server in memory: which writes, in which order, and which not.

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::test_util::{Bench, SCALE_PATH, World, frame, key};

#[tokio::test]
async fn the_first_request_is_answered_by_a_write_of_the_scale_before_anything_else() {
    let bench = Bench::new(&World::at_zero());
    // The process has just started: nothing was reconciled, no tick has passed.
    bench.intake.accept(frame(1.0), Timestamp::now());
    assert_eq!(bench.queue.depth(), 1, "the reconciler is told at once");

    bench.reconciler.reconcile(&key()).await.unwrap();
    let asked = bench.api.take_asked();
    let first = asked.first().expect("something was written");
    assert_eq!(
        (first.method.as_str(), first.path.as_str()),
        ("PATCH", SCALE_PATH)
    );
    let body = json!([{ "op": "add", "path": "/spec/replicas", "value": 1 }]);
    assert_eq!(first.body, body);
    let status = bench.written_status();
    assert_eq!(status["desiredScale"], 1);
    assert_eq!(status["conditions"][0]["type"], "Active");
    assert_eq!(status["conditions"][0]["reason"], "Queued");
}

#[tokio::test]
async fn a_pass_that_follows_at_once_does_not_write_the_scale_again() {
    let bench = Bench::new(&World::at_zero());
    bench.intake.accept(frame(1.0), Timestamp::now());
    bench.reconciler.reconcile(&key()).await.unwrap();
    bench.api.take_asked();
    bench.reconciler.reconcile(&key()).await.unwrap();
    let scaled = bench
        .api
        .take_asked()
        .into_iter()
        .filter(|asked| asked.path == SCALE_PATH);
    assert_eq!(scaled.count(), 0);
}

#[tokio::test]
async fn a_restart_neither_scales_nor_moves_the_traffic() {
    let bench = Bench::new(&World::busy());
    bench.reconciler.reconcile(&key()).await.unwrap();
    let scaled = bench
        .api
        .take_asked()
        .into_iter()
        .filter(|asked| asked.path == SCALE_PATH);
    assert_eq!(scaled.count(), 0);
    assert_eq!(bench.mode(), "Serve");
    assert_eq!(bench.written_status()["desiredScale"], 3);

    // Its first data shows little load; the pods are held all the same.
    bench.intake.accept(frame(1.0), Timestamp::now());
    bench.scaler.evaluate_now(&key());
    bench.reconciler.reconcile(&key()).await.unwrap();
    let scaled = bench
        .api
        .take_asked()
        .into_iter()
        .filter(|asked| asked.path == SCALE_PATH);
    assert_eq!(scaled.count(), 0);
    assert_eq!(bench.mode(), "Serve");
}

#[tokio::test]
async fn what_belongs_to_another_replica_is_left_alone() {
    let bench = Bench::new(&World::at_zero());
    bench.leads.send_replace(false);
    bench.intake.accept(frame(1.0), Timestamp::now());
    assert_eq!(bench.queue.depth(), 0);
    bench.reconciler.reconcile(&key()).await.unwrap();
    assert!(bench.api.take_writes().is_empty());
    let mut elsewhere = bench.elsewhere;
    let forwarded = elsewhere.try_recv().unwrap().stat.unwrap();
    assert!(
        forwarded.timestamp > 0,
        "the first replica says when it came"
    );
}

#[tokio::test]
async fn the_last_pod_stays_while_the_activators_do_not_answer() {
    // Inactive since long ago, one pod left, and no Service to ask through.
    let world = World {
        replicas: 1,
        pods: 1,
        ..World::at_zero()
    };
    let bench = Bench::new(&world);
    bench
        .collector
        .record(&key(), Timestamp::now(), &Default::default());
    let _ = bench.scaler.ensure(
        &bench.reconciler.autoscalers.by_key(&key()).unwrap(),
        &bench.reconciler.config.get(),
        Timestamp::now(),
    );
    bench.scaler.evaluate_now(&key());
    let action = bench.reconciler.reconcile(&key()).await.unwrap();
    assert_eq!(action, Action::After(Duration::from_secs(1)));
    let scaled = bench
        .api
        .take_asked()
        .into_iter()
        .filter(|asked| asked.path == SCALE_PATH);
    assert_eq!(scaled.filter(|asked| asked.method == "PATCH").count(), 0);
}

#[tokio::test]
async fn a_child_of_somebody_else_is_left_alone_and_shows() {
    let bench = Bench::new(&World::busy());
    let mut stranger = ServerlessService::clone(&bench.reconciler.services.by_key(&key()).unwrap());
    stranger.metadata.owner_references = None;
    stranger.metadata.resource_version = Some("99".into());
    bench.reconciler.services.insert(stranger);
    bench.reconciler.reconcile(&key()).await.unwrap_err();
    let status = bench.written_status();
    assert_eq!(status["conditions"][0]["reason"], "NotOwned");
    assert_eq!(
        status["conditions"][0]["message"],
        r#"There is an existing ServerlessService "rev" that we do not own."#
    );
}

#[tokio::test]
async fn without_a_private_service_the_first_pass_asks_for_one() {
    let bench = Bench::new(&World::busy());
    bench.reconciler.services.remove(&key());
    bench.reconciler.reconcile(&key()).await.unwrap();
    assert_eq!(bench.mode(), "Proxy");
    let status = bench.written_status();
    let condition = |name: &str| {
        let conditions = status["conditions"].as_array().unwrap();
        conditions
            .iter()
            .find(|condition| condition["type"] == name)
            .cloned()
            .unwrap()
    };
    assert_eq!(condition("SKSReady")["message"], "No Private Service Name");
    assert_eq!(condition("SKSReady")["status"], "Unknown");
}

#[tokio::test]
async fn a_target_that_is_gone_is_no_failure() {
    let bench = Bench::new(&World::busy());
    let target = Key::new("ns", "rev-deployment");
    bench.deployments.remove(&target);
    bench.api.remove(SCALE_PATH);
    bench.api.remove(SCALE_PATH);
    let action = bench.reconciler.reconcile(&key()).await.unwrap();
    assert_eq!(action, Action::After(MISSING_TARGET));
    assert!(bench.api.take_writes().is_empty());
}

#[tokio::test]
async fn a_scaling_is_explained_in_numbers() {
    let bench = Bench::new(&World::at_zero());
    bench.intake.accept(frame(1.0), Timestamp::now());
    let autoscaler = bench.reconciler.autoscalers.by_key(&key()).unwrap();
    let view = bench.scaler.ensure(
        &autoscaler,
        &bench.reconciler.config.get(),
        Timestamp::now(),
    );
    assert_eq!(
        explain(0, 1, view.why, &view),
        "Scaled from 0 to 1 (stable_load): 1.0 requests in flight over the stable window, \
         1.0 over the panic window, 70.0 wanted for each pod"
    );
}
