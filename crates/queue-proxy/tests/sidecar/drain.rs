//! The end of a pod.

use std::time::Duration;

use tokio::time::Instant;

use crate::pod::{PATIENCE, Pod, ask, saying};

const PROBE: &str = "K-Network-Probe: queue\r\nUser-Agent: kube-probe/1.35\r\n";

#[tokio::test]
async fn a_terminating_pod_fails_its_probes_and_serves_its_requests() {
    let pod = Pod::start(saying("app").await, &[]).await;
    assert!(pod.ask(PROBE).await.starts_with("HTTP/1.1 200 "));
    pod.supervisor.stop().trigger();
    let refused = tokio::time::timeout(PATIENCE, async {
        loop {
            let answer = pod.ask(PROBE).await;
            if !answer.starts_with("HTTP/1.1 200 ") {
                return answer;
            }
        }
    })
    .await
    .unwrap();
    assert!(
        refused.starts_with("HTTP/1.1 503 ") && refused.ends_with("shutting down\n"),
        "{refused}"
    );
    let hash = pod
        .ask("K-Network-Probe: probe\r\nK-Network-Hash: x\r\n")
        .await;
    assert!(hash.starts_with("HTTP/1.1 503 "), "{hash}");
    assert!(pod.ask("").await.ends_with("app"));
    assert!(!pod.ended.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_pod_left_alone_for_half_a_minute_ends() {
    let pod = Pod::start(saying("app").await, &[]).await;
    let begin = Instant::now();
    pod.supervisor.stop().trigger();
    pod.ended.await.unwrap().unwrap();
    let lasted = begin.elapsed();
    assert!((30..32).contains(&lasted.as_secs()), "{lasted:?}");
}

#[tokio::test]
async fn the_hook_lets_go_after_a_second_when_the_pod_stays() {
    let pod = Pod::start(saying("app").await, &[]).await;
    let begin = Instant::now();
    let answer = ask(pod.at.admin, "GET", "/wait-for-drain", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!((900..2000).contains(&begin.elapsed().as_millis()));
    assert!(
        pod.ask(PROBE).await.starts_with("HTTP/1.1 200 "),
        "probes pass again"
    );
    assert!(
        ask(pod.at.admin, "GET", "/", "")
            .await
            .starts_with("HTTP/1.1 404 ")
    );
}

#[tokio::test]
async fn the_hook_holds_while_a_terminating_pod_drains() {
    let pod = Pod::start(saying("app").await, &[]).await;
    pod.supervisor.stop().trigger();
    let hook = ask(pod.at.admin, "GET", "/wait-for-drain", "");
    assert!(
        tokio::time::timeout(Duration::from_millis(1500), hook)
            .await
            .is_err()
    );
}
