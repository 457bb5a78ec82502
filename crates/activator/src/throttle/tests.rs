use futures::FutureExt as _;

use super::*;
use crate::sources::Source;

fn pod(last: u8) -> Arc<Pod> {
    Pod::new(([10, 0, 0, last], 8012).into(), Source::Pod, 1)
}

fn pods(count: u8) -> Vec<Arc<Pod>> {
    (1..=count).map(pod).collect()
}

fn address(slot: &Slot) -> u8 {
    let std::net::IpAddr::V4(ip) = slot.pod().address().ip() else {
        unreachable!()
    };
    ip.octets()[3]
}

/// A slot that must be there without waiting.
fn now(throttle: &Arc<Throttle>) -> Slot {
    throttle
        .acquire()
        .now_or_never()
        .expect("no wait")
        .unwrap()
        .0
}

type Pending = Pin<Box<dyn Future<Output = Result<(Slot, Wait), Refused>> + Send>>;

/// A request that must wait.
fn waits(throttle: &Arc<Throttle>) -> Pending {
    let throttle = Arc::clone(throttle);
    let mut future: Pending = Box::pin(async move { throttle.acquire().await });
    assert!((&mut future).now_or_never().is_none());
    future
}

fn served(future: &mut Pending) -> (Slot, Wait) {
    future.now_or_never().expect("served").unwrap()
}

#[test]
fn requests_wait_until_a_pod_comes_and_all_go_at_once_without_a_limit() {
    let throttle = Throttle::new(0);
    let mut waiters: Vec<_> = (0..20).map(|_| waits(&throttle)).collect();
    assert_eq!(throttle.waiting(), 20);
    throttle.set_pods(pods(1));
    let slots: Vec<_> = waiters.iter_mut().map(served).collect();
    assert_eq!(slots[0].1, Wait::ColdStart);
    assert!(slots[1..].iter().all(|(_, wait)| *wait == Wait::Queued));
    assert_eq!(throttle.waiting(), 0);
    assert_eq!(slots[0].0.pod().busy(), 20);
}

#[test]
fn a_freed_place_goes_to_who_waited_longest() {
    let throttle = Throttle::new(1);
    throttle.set_pods(pods(1));
    let running = now(&throttle);
    let (mut first, mut second) = (waits(&throttle), waits(&throttle));
    drop(running);
    let (slot, wait) = served(&mut first);
    assert_eq!(wait, Wait::Queued);
    assert!(
        (&mut second).now_or_never().is_none(),
        "one place, one request"
    );
    drop(slot);
    served(&mut second);
}

#[test]
fn a_newcomer_does_not_overtake_the_line() {
    let throttle = Throttle::new(1);
    throttle.set_pods(pods(1));
    let running = now(&throttle);
    let mut first = waits(&throttle);
    drop(running);
    let mut newcomer = waits(&throttle);
    let (slot, _) = served(&mut first);
    drop(slot);
    served(&mut newcomer);
}

#[test]
fn who_leaves_the_line_leaves_no_trace() {
    let throttle = Throttle::new(1);
    throttle.set_pods(pods(1));
    let running = now(&throttle);
    let (first, mut second) = (waits(&throttle), waits(&throttle));
    drop(first);
    assert_eq!(throttle.waiting(), 1);
    drop(running);
    served(&mut second);
}

#[test]
fn who_leaves_in_the_moment_of_being_served_hands_the_place_on() {
    let throttle = Throttle::new(1);
    throttle.set_pods(pods(1));
    let running = now(&throttle);
    let (first, mut second) = (waits(&throttle), waits(&throttle));
    drop(running);
    drop(first);
    let (slot, _) = served(&mut second);
    assert_eq!(slot.pod().busy(), 1);
}

#[test]
fn never_more_than_the_limit_on_a_pod() {
    let throttle = Throttle::new(2);
    throttle.set_pods(pods(3));
    let slots: Vec<_> = (0..6).map(|_| now(&throttle)).collect();
    let _seventh = waits(&throttle);
    assert!(throttle.pods().iter().all(|pod| pod.busy() == 2));
    drop(slots);
}

#[test]
fn few_slots_fill_pods_in_order_and_many_go_round() {
    let few = Throttle::new(2);
    few.set_pods(pods(3));
    let filled: Vec<_> = (0..4).map(|_| now(&few)).collect();
    assert_eq!(filled.iter().map(address).collect::<Vec<_>>(), [1, 1, 2, 2]);

    let many = Throttle::new(10);
    many.set_pods(pods(3));
    let spread: Vec<_> = (0..4).map(|_| now(&many)).collect();
    let mut seen: Vec<_> = spread.iter().map(address).collect();
    seen.sort_unstable();
    assert!(
        seen.windows(2).filter(|pair| pair[0] == pair[1]).count() == 1,
        "{seen:?}"
    );
}

#[test]
fn a_full_line_refuses_and_says_so() {
    let throttle = Throttle::with_queue(1, 2);
    let _line = (waits(&throttle), waits(&throttle));
    let refused = throttle.acquire().now_or_never().unwrap().unwrap_err();
    assert_eq!(refused.to_string(), "pending request queue full");
}

#[test]
fn a_dropped_pod_gets_nothing_more_and_its_requests_end_in_peace() {
    let throttle = Throttle::new(0);
    throttle.set_pods(pods(2));
    let slot = now(&throttle);
    throttle.drop_pod(slot.pod());
    let other = now(&throttle);
    assert_ne!(address(&slot), address(&other));
    drop(slot);
}

#[test]
fn a_deleted_revision_sends_its_line_away() {
    let throttle = Throttle::new(1);
    let mut waiting = waits(&throttle);
    throttle.close();
    assert_eq!(
        (&mut waiting).now_or_never().unwrap().unwrap_err(),
        Refused::Gone
    );
    assert_eq!(
        throttle.acquire().now_or_never().unwrap().unwrap_err(),
        Refused::Gone
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_place_is_lost_under_a_crowd_that_comes_and_goes() {
    let throttle = Throttle::new(2);
    throttle.set_pods(pods(3));
    let mut crowd = tokio::task::JoinSet::new();
    for person in 0..200_u32 {
        let throttle = Arc::clone(&throttle);
        crowd.spawn(async move {
            for turn in 0..50_u32 {
                let wait = throttle.acquire();
                if (person + turn) % 3 == 0 {
                    // Impatient: gives up at the first chance.
                    tokio::select! {
                        biased;
                        slot = wait => drop(slot),
                        () = tokio::task::yield_now() => {}
                    }
                } else {
                    let (slot, _) = wait.await.unwrap();
                    assert!(slot.pod().busy() <= 2);
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    while let Some(done) = crowd.join_next().await {
        done.unwrap();
    }
    assert_eq!(throttle.waiting(), 0);
    assert!(throttle.pods().iter().all(|pod| pod.busy() == 0));
}
