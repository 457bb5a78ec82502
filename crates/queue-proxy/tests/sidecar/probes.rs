//! Who is answered by the sidecar and not by the user container.

use crate::pod::{Pod, nobody, saying};

const TCP: (&str, &str) = (
    "SERVING_READINESS_PROBE",
    r#"{"tcpSocket": {"port": 0}, "periodSeconds": 1}"#,
);
const ACTIVATOR: &str = "K-Network-Probe: queue\r\nUser-Agent: Knative-Activator-Probe\r\n";

#[tokio::test]
async fn a_ready_container_makes_the_queue_answer() {
    let pod = Pod::start(saying("app").await, &[TCP]).await;
    for agent in [
        "kube-probe/1.35",
        "Knative-Activator-Probe",
        "Knative-Autoscaling-Probe",
    ] {
        let answer = pod
            .ask(&format!(
                "K-Network-Probe: queue\r\nUser-Agent: {agent}\r\n"
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\nqueue"), "{answer}");
    }
}

#[tokio::test]
async fn a_container_that_does_not_listen_is_503_without_a_body() {
    let pod = Pod::start(nobody().await, &[TCP]).await;
    let answer = pod.ask(ACTIVATOR).await;
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_health_check_must_name_the_queue() {
    let pod = Pod::start(saying("app").await, &[TCP]).await;
    for (probe, value) in [("K-Network-Probe: activator\r\n", "activator"), ("", "")] {
        let answer = pod
            .ask(&format!("{probe}User-Agent: kube-probe/1.35\r\n"))
            .await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(
            answer.ends_with(&format!("unexpected probe header value: {value}\n")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn without_a_known_agent_a_queue_probe_is_a_request() {
    let pod = Pod::start(saying("app").await, &[TCP]).await;
    assert!(pod.ask("K-Network-Probe: queue\r\n").await.ends_with("app"));
}

#[tokio::test]
async fn an_ingress_probe_gets_its_hash_back() {
    let pod = Pod::start(nobody().await, &[TCP]).await;
    let answer = pod
        .ask("K-Network-Probe: probe\r\nK-Network-Hash: abc\r\n")
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("k-network-hash: abc"),
        "{answer}"
    );
    assert!(
        pod.ask("K-Network-Probe: probe\r\n")
            .await
            .starts_with("HTTP/1.1 400 ")
    );
}
