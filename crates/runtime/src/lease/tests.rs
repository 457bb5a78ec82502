use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::fake::Api;

const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/x.00-of-01";

/// A replica in the running.
struct Replica {
    leadership: Leadership,
    stop: Stop,
    task: tokio::task::JoinHandle<Result<(), Infallible>>,
}

impl Replica {
    fn start(api: &Api, identity: &str) -> Self {
        let (elector, leadership) = Elector::new(
            api.client(),
            "ns",
            "x.00-of-01",
            identity,
            Timing::default(),
        );
        let stop = Stop::new();
        #[expect(clippy::disallowed_methods, reason = "a test ends its own tasks")]
        let task = tokio::spawn(elector.run(stop.clone()));
        Self {
            leadership,
            stop,
            task,
        }
    }

    /// Ends it as SIGKILL does.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Seconds until it leads.
    async fn seconds_to_lead(&mut self) -> u64 {
        let start = Instant::now();
        self.leadership.gained().await;
        start.elapsed().as_secs()
    }
}

fn holder(api: &Api) -> String {
    let lease = api.object(PATH).unwrap();
    lease["spec"]["holderIdentity"].as_str().unwrap().to_owned()
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_replica_leads_at_once_and_keeps_leading() {
    let api = Api::new();
    let mut first = Replica::start(&api, "pod_1");
    assert_eq!(first.seconds_to_lead().await, 0);
    let second = Replica::start(&api, "pod_2");
    seconds(600).await;
    assert!(first.leadership.leads());
    assert!(!second.leadership.leads());
    assert_eq!(holder(&api), "pod_1");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_container_resumes_its_own_lease_at_once() {
    let api = Api::new();
    let mut before = Replica::start(&api, "pod_1");
    before.leadership.gained().await;
    before.kill().await;
    let mut after = Replica::start(&api, "pod_1");
    assert_eq!(after.seconds_to_lead().await, 0);
    let transitions = &api.object(PATH).unwrap()["spec"]["leaseTransitions"];
    assert_eq!(*transitions, json!(0));
}

#[tokio::test(start_paused = true)]
async fn a_standby_waits_out_a_holder_that_died() {
    let api = Api::new();
    let mut first = Replica::start(&api, "pod_1");
    first.leadership.gained().await;
    let mut second = Replica::start(&api, "pod_2");
    seconds(25).await;
    first.kill().await;
    let waited = second.seconds_to_lead().await;
    assert!((50..80).contains(&waited), "{waited}");
    assert_eq!(holder(&api), "pod_2");
}

#[tokio::test(start_paused = true)]
async fn a_stop_hands_over_within_one_retry_period() {
    let api = Api::new();
    let mut first = Replica::start(&api, "pod_1");
    first.leadership.gained().await;
    let mut second = Replica::start(&api, "pod_2");
    seconds(25).await;
    first.stop.trigger();
    let Ok(()) = first.task.await.unwrap();
    assert_eq!(holder(&api), "");
    let waited = second.seconds_to_lead().await;
    assert!(waited <= 11, "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_stops_leading_before_anybody_may_take_over() {
    let api = Api::new();
    let mut first = Replica::start(&api, "pod_1");
    first.leadership.gained().await;
    seconds(5).await;
    api.set_away(true);
    let start = Instant::now();
    first.leadership.lost().await;
    let kept = start.elapsed();
    assert!(
        kept >= Duration::from_secs(30) && kept < Duration::from_secs(60),
        "{kept:?}"
    );
    api.set_away(false);
    assert!(first.seconds_to_lead().await <= 11);
}

#[tokio::test(start_paused = true)]
async fn a_lease_taken_away_by_hand_is_noticed() {
    let api = Api::new();
    let mut first = Replica::start(&api, "pod_1");
    first.leadership.gained().await;
    let mut lease = api.object(PATH).unwrap();
    lease["spec"]["holderIdentity"] = json!("somebody");
    api.put(PATH, lease);
    let start = Instant::now();
    first.leadership.lost().await;
    assert!(start.elapsed() <= Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn two_replicas_never_lead_at_the_same_time() {
    let api = Api::new();
    let replicas: Vec<_> = (0..4)
        .map(|n| Replica::start(&api, &format!("pod_{n}")))
        .collect();
    let leaders = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for second in 0..1000 {
        api.set_away(second % 300 > 230);
        seconds(1).await;
        let now = replicas
            .iter()
            .filter(|replica| replica.leadership.leads())
            .count();
        assert!(now <= 1, "{now} leaders in second {second}");
        leaders.fetch_add(now, std::sync::atomic::Ordering::Relaxed);
    }
    assert!(leaders.load(std::sync::atomic::Ordering::Relaxed) > 500);
}

#[test]
fn names_and_identities_are_upstreams() {
    let queue = "knative.dev.serving.pkg.reconciler.route.Reconciler";
    assert_eq!(
        name("controller", queue, 0, 1),
        "controller.knative.dev.serving.pkg.reconciler.route.reconciler.00-of-01"
    );
    assert_eq!(
        identity("controller-abc-xyz", Some("1234")),
        "controller-abc-xyz_1234"
    );
    assert!(identity("controller-abc-xyz", None).starts_with("controller-abc-xyz_"));
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_is_told_takes_over_at_once() {
    let api = Api::new();
    let mut first = Replica::start(&api, "pod_1");
    first.leadership.gained().await;
    let (elector, mut leadership) =
        Elector::new(api.client(), "ns", "x.00-of-01", "pod_2", Timing::default());
    let (told, hint) = watch::channel(0);
    let stop = Stop::new();
    #[expect(clippy::disallowed_methods, reason = "a test ends its own tasks")]
    let task = tokio::spawn(elector.look_on(hint).run(stop.clone()));
    seconds(1).await;
    first.stop.trigger();
    first.task.await.unwrap().unwrap();
    let start = Instant::now();
    told.send_replace(1);
    leadership.gained().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    stop.trigger();
    task.await.unwrap().unwrap();
}

#[test]
fn config_10_times_that_cannot_work_are_refused() {
    let timing = |lease, renew, retry| {
        Timing::try_from(&LeaderElection {
            lease_duration: Duration::from_secs(lease),
            renew_deadline: Duration::from_secs(renew),
            retry_period: Duration::from_secs(retry),
            ..LeaderElection::default()
        })
    };
    assert_eq!(timing(60, 40, 10), Ok(Timing::default()));
    for (lease, renew, retry, want) in [
        (
            40,
            40,
            10,
            "lease-duration (40s) must be greater than renew-deadline (40s)",
        ),
        (
            60,
            12,
            10,
            "renew-deadline (12s) must be greater than 1.2 times retry-period (10s)",
        ),
        (60, 40, 0, "retry-period must be greater than zero"),
        (
            0,
            0,
            0,
            "lease-duration (0ns) must be greater than renew-deadline (0ns)",
        ),
    ] {
        assert_eq!(timing(lease, renew, retry).unwrap_err().to_string(), want);
    }
    assert!(timing(60, 13, 10).is_ok());
}
