//! Requests on their way to the user container.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ebb_core::stat::Stat;
use http::Response;
use prost::Message;
use tokio::sync::Semaphore;

use crate::pod::{PATIENCE, Pod, ask, ask_bytes, container, nobody, saying};

/// A container that answers with its request's headers, sorted.
async fn mirror() -> std::net::SocketAddr {
    container(|request| async move {
        let mut lines: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort_unstable();
        Response::new(lines.join("\n").into())
    })
    .await
}

#[tokio::test]
async fn the_container_sees_its_request_as_the_client_sent_it() {
    let pod = Pod::start(mirror().await, &[]).await;
    let answer = pod
        .ask(
            "K-Original-Host: hello.example\r\nK-Proxy-Request: activator\r\n\
             Knative-Serving-Revision: r\r\nKnative-Serving-Namespace: n\r\n\
             X-Forwarded-For: 1.2.3.4, ::1\r\nX-Forwarded-Proto: https\r\n",
        )
        .await;
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(
        body,
        "forwarded: for=1.2.3.4;proto=https, for=\"[::1]\"\nhost: hello.example\n\
         k-proxy-request: activator\nx-forwarded-for: 1.2.3.4, ::1, 127.0.0.1\n\
         x-forwarded-proto: https"
    );
}

#[tokio::test]
async fn an_unreachable_container_is_a_502_that_names_it() {
    let user = nobody().await;
    let pod = Pod::start(user, &[]).await;
    let answer = pod.ask("").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(
        answer.ends_with(&format!("dial tcp {user}: connect: connection refused\n")),
        "{answer}"
    );
}

#[tokio::test]
async fn a_limit_of_one_never_lets_two_in_and_refuses_the_twelfth() {
    let (gate, inside, most) = (
        Arc::new(Semaphore::new(0)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let user = {
        let (gate, inside, most) = (Arc::clone(&gate), Arc::clone(&inside), Arc::clone(&most));
        container(move |_| {
            let (gate, inside, most) = (Arc::clone(&gate), Arc::clone(&inside), Arc::clone(&most));
            async move {
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                inside.fetch_sub(1, Ordering::SeqCst);
                Response::new("done".into())
            }
        })
        .await
    };
    let pod = Arc::new(Pod::start(user, &[("CONTAINER_CONCURRENCY", "1")]).await);
    let asked: Vec<_> = (0..12)
        .map(|_| {
            let pod = Arc::clone(&pod);
            tokio::task::spawn(async move { pod.ask("").await })
        })
        .collect();
    // One of the twelve finds no place and comes back while the others wait.
    tokio::time::timeout(PATIENCE, async {
        while !asked.iter().any(|one| one.is_finished()) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    // The kubelet's own requests pass the queue.
    let kubelet = {
        let pod = Arc::clone(&pod);
        tokio::task::spawn(async move { pod.ask("K-Kubelet-Probe: 1\r\n").await })
    };
    tokio::time::timeout(PATIENCE, async {
        while inside.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    most.store(0, Ordering::SeqCst);
    gate.add_permits(12);
    assert!(kubelet.await.unwrap().ends_with("done"));
    let mut answers = Vec::new();
    for one in asked {
        answers.push(one.await.unwrap());
    }
    let refused: Vec<_> = answers
        .iter()
        .filter(|a| a.starts_with("HTTP/1.1 503 "))
        .collect();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].ends_with("pending request queue full\n"));
    assert_eq!(answers.iter().filter(|a| a.ends_with("done")).count(), 11);
    assert!(
        most.load(Ordering::SeqCst) <= 2,
        "one and the kubelet's at most"
    );
}

#[tokio::test]
async fn the_revision_timeout_is_a_504_without_a_newline() {
    let user = container(|_| std::future::pending()).await;
    let pod = Pod::start(user, &[("REVISION_TIMEOUT_SECONDS", "1")]).await;
    let answer = pod.ask("").await;
    assert!(
        answer.starts_with("HTTP/1.1 504 ") && answer.ends_with("\r\n\r\nrequest timeout"),
        "{answer}"
    );
}

#[tokio::test]
async fn statistics_tell_direct_requests_from_proxied_ones() {
    let pod = Pod::start(saying("app").await, &[]).await;
    let read = async || {
        let answer = ask_bytes(pod.at.statistics, "POST", "/metrics", "").await;
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8_lossy(&answer[..end]);
        assert!(
            head.contains("content-type: application/protobuf"),
            "{head}"
        );
        Stat::decode(&answer[end + 4..]).unwrap()
    };
    assert_eq!(
        read().await,
        Stat {
            pod_name: "pod-a".into(),
            ..Stat::default()
        }
    );
    pod.ask("").await;
    pod.ask("K-Proxy-Request: activator\r\n").await;
    pod.ask("K-Kubelet-Probe: 1\r\n").await;
    let report = tokio::time::timeout(PATIENCE, async {
        loop {
            let stat = read().await;
            if stat.process_uptime > 0.0 {
                return stat;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let stat = report.await.unwrap();
    assert_eq!((stat.request_count, stat.proxied_request_count), (2.0, 1.0));
}

#[tokio::test]
async fn metrics_are_served_where_they_are_asked_for() {
    let config = r#"{"requestMetrics": {"protocol": "prometheus"}}"#;
    let pod = Pod::start(
        saying("app").await,
        &[
            ("OBSERVABILITY_CONFIG", config),
            ("CONTAINER_CONCURRENCY", "5"),
        ],
    )
    .await;
    pod.ask("Knative-Serving-Tag: blue\r\n").await;
    pod.ask("K-Network-Probe: queue\r\n").await;
    let text = ask(pod.at.metrics.unwrap(), "GET", "/metrics", "").await;
    for line in [
        "kn_serving_invocation_duration_seconds_count{http_response_status_code=\"200\"} 1",
        "kn_serving_queue_depth 1",
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_code=\"200\",kn_route_tag=\"blue\",network_protocol_name=\"http\",network_protocol_version=\"1.1\",url_scheme=\"http\"} 1",
        "kn_revision_name=\"hello-00001\"",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(
        Pod::start(saying("app").await, &[])
            .await
            .at
            .metrics
            .is_none()
    );
}
