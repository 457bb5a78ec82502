//! Readiness probes move from the user's container to the queue-proxy.
//!
//! The queue-proxy probes the user's port itself, as often as it likes, and the kubelet only asks the queue-proxy. So
//! one readiness probe of the user becomes two things: a JSON text in the queue-proxy's environment (what to probe)
//! and a probe of the queue-proxy container (when the kubelet asks).

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, HTTPHeader, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::names::headers;

/// Both containers share the pod's loopback.
const LOOPBACK: &str = "127.0.0.1";

/// A side-car's probe says nothing about where to look. The text is upstream's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("sidecar readiness probe does not define probe port on container: {container}")]
pub struct MissingPort {
    pub container: String,
}

/// The value of `SERVING_READINESS_PROBE`: one probe, or nothing when the serving container has none.
pub fn single(serving: &Container, user_port: i32) -> String {
    serving
        .readiness_probe
        .as_ref()
        .map(|probe| json(&for_queue_proxy(probe, user_port)))
        .unwrap_or_default()
}

/// The value of `SERVING_READINESS_PROBE` with multi-container probing: the serving container's probe or `null`, then
/// the side-cars' that the queue-proxy can run.
///
/// # Errors
/// [`MissingPort`] when a side-car's probe has no port of its own, as there is no user port to fall back to.
pub fn all<'a>(
    serving: &Container,
    user_port: i32,
    sidecars: impl Iterator<Item = &'a Container>,
) -> Result<String, MissingPort> {
    let mut probes = vec![
        serving
            .readiness_probe
            .as_ref()
            .map(|probe| for_queue_proxy(probe, user_port)),
    ];
    for sidecar in sidecars {
        let Some(probe) = sidecar
            .readiness_probe
            .as_ref()
            .filter(|probe| probe.exec.is_none())
        else {
            continue;
        };
        if explicit_port(probe) == 0 {
            return Err(MissingPort {
                container: sidecar.name.clone(),
            });
        }
        probes.push(Some(for_queue_proxy(probe, user_port)));
    }
    Ok(serde_json::to_string(&probes).expect("probes are plain data"))
}

/// The kubelet's probe of the queue-proxy: the user's timing, our handler.
pub fn of_queue_proxy(serving: &Container, port: u16) -> Option<Probe> {
    let user = serving.readiness_probe.as_ref()?;
    let header = HTTPHeader {
        name: headers::PROBE.into(),
        value: headers::PROBE_QUEUE.into(),
    };
    Some(Probe {
        exec: None,
        grpc: None,
        tcp_socket: None,
        http_get: Some(HTTPGetAction {
            port: IntOrString::Int(port.into()),
            http_headers: Some(vec![header]),
            ..HTTPGetAction::default()
        }),
        ..user.clone()
    })
}

/// Whether the kubelet keeps running the probe: it alone can execute a command in the user's container.
pub fn stays(probe: &Probe) -> bool {
    probe.exec.is_some()
}

fn for_queue_proxy(user: &Probe, user_port: i32) -> Probe {
    let mut probe = user.clone();
    let port = match explicit_port(user) {
        0 => user_port,
        port => port,
    };
    if let Some(http) = &mut probe.http_get {
        http.host = Some(LOOPBACK.into());
        http.port = IntOrString::Int(port);
        http.scheme.get_or_insert_with(|| "HTTP".into());
    } else if let Some(tcp) = &mut probe.tcp_socket {
        *tcp = TCPSocketAction {
            host: Some(LOOPBACK.into()),
            port: IntOrString::Int(port),
        };
    } else if let Some(grpc) = &mut probe.grpc {
        grpc.port = port;
    } else if probe.exec.take().is_some() {
        // The kubelet runs the command; for the queue-proxy an open port has to do.
        probe.tcp_socket = Some(TCPSocketAction {
            host: Some(LOOPBACK.into()),
            port: IntOrString::Int(user_port),
        });
    }
    if probe.period_seconds.unwrap_or(0) > 0 && probe.timeout_seconds.unwrap_or(0) < 1 {
        probe.timeout_seconds = Some(1);
    }
    probe
}

/// The number in the probe, 0 when there is none. Names of ports mean nothing to the queue-proxy.
fn explicit_port(probe: &Probe) -> i32 {
    let number = |port: &IntOrString| match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(_) => 0,
    };
    probe
        .http_get
        .as_ref()
        .map(|http| number(&http.port))
        .or_else(|| probe.tcp_socket.as_ref().map(|tcp| number(&tcp.port)))
        .or_else(|| probe.grpc.as_ref().map(|grpc| grpc.port))
        .unwrap_or(0)
}

fn json(probe: &Probe) -> String {
    serde_json::to_string(probe).expect("probes are plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, probe: serde_json::Value) -> Container {
        serde_json::from_value(serde_json::json!({"name": name, "readinessProbe": probe})).unwrap()
    }

    #[test]
    fn queue_proxy_probes_the_user_port_on_loopback() {
        for (probe, want) in [
            (
                serde_json::json!({"tcpSocket": {"port": 0}, "successThreshold": 1}),
                r#"{"successThreshold":1,"tcpSocket":{"host":"127.0.0.1","port":8080}}"#,
            ),
            (
                serde_json::json!({"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5}),
                r#"{"httpGet":{"host":"127.0.0.1","path":"/ready","port":8080,"scheme":"HTTP"},"periodSeconds":5,"timeoutSeconds":1}"#,
            ),
            (
                serde_json::json!({"grpc": {"port": 9000, "service": ""}}),
                r#"{"grpc":{"port":9000,"service":""}}"#,
            ),
            (
                serde_json::json!({"exec": {"command": ["true"]}, "periodSeconds": 0}),
                r#"{"periodSeconds":0,"tcpSocket":{"host":"127.0.0.1","port":8080}}"#,
            ),
        ] {
            assert_eq!(single(&container("c", probe), 8080), want);
        }
        assert_eq!(single(&Container::default(), 8080), "");
    }

    #[test]
    fn kubelet_asks_the_queue_proxy_in_the_users_rhythm() {
        let user = container(
            "c",
            serde_json::json!({"exec": {"command": ["true"]}, "periodSeconds": 3}),
        );
        let probe = serde_json::to_string(&of_queue_proxy(&user, 8012)).unwrap();
        let want = r#"{"httpGet":{"httpHeaders":[{"name":"K-Network-Probe","value":"queue"}],"port":8012},"periodSeconds":3}"#;
        assert_eq!(probe, want);
        assert_eq!(of_queue_proxy(&Container::default(), 8012), None);
    }

    #[test]
    fn sidecar_probe_needs_a_port_of_its_own() {
        let serving = Container::default();
        let good = container("s", serde_json::json!({"tcpSocket": {"port": 9000}}));
        let bad = container("t", serde_json::json!({"tcpSocket": {"port": 0}}));
        assert_eq!(
            all(&serving, 8080, [&good].into_iter()).unwrap(),
            r#"[null,{"tcpSocket":{"host":"127.0.0.1","port":9000}}]"#
        );
        assert_eq!(
            all(&serving, 8080, [&good, &bad].into_iter())
                .unwrap_err()
                .to_string(),
            "sidecar readiness probe does not define probe port on container: t"
        );
    }
}
