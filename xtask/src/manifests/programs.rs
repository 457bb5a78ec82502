//! The programs of the control plane and the data plane, one function each.
//!
//! Requests are small: all of them together must leave most of a two-processor node to users. Limits are wide: they
//! only keep a program that has gone wrong from taking the node with it.

use super::settings::Settings;
use super::workload::{Check, Program};

const METRICS: (&str, u16) = ("metrics", 9090);
const PROFILING: (&str, u16) = ("profiling", 8008);

/// All programs that run as Deployments.
pub(super) fn all(settings: &Settings) -> [Program; 5] {
    [
        controller(),
        webhook(settings),
        autoscaler(),
        activator(),
        gateway(settings),
    ]
}

fn controller() -> Program {
    Program {
        name: "controller",
        replicas: 1,
        requests: ["50m", "32Mi"],
        limits: ["1", "512Mi"],
        ports: &[METRICS, PROFILING, ("probes", 8080)],
        env: Vec::new(),
        readiness: http(8080, "/readiness", 5, 3),
        liveness: http(8080, "/health", 10, 6),
        grace_seconds: 30,
    }
}

fn webhook(settings: &Settings) -> Program {
    Program {
        name: "webhook",
        replicas: settings.webhook_replicas,
        requests: ["25m", "24Mi"],
        limits: ["500m", "256Mi"],
        ports: &[METRICS, PROFILING, ("https-webhook", 8443)],
        env: vec![
            ("WEBHOOK_NAME", "webhook".to_owned()),
            ("WEBHOOK_PORT", "8443".to_owned()),
        ],
        // Often: nothing of ours can be written before the first webhook is ready.
        readiness: https(8443, 1, 3),
        liveness: Check {
            initial_delay_seconds: 20,
            ..https(8443, 10, 6)
        },
        // It ends on its own once the API server has stopped calling.
        grace_seconds: 300,
    }
}

fn autoscaler() -> Program {
    Program {
        name: "autoscaler",
        replicas: 1,
        requests: ["50m", "32Mi"],
        limits: ["1", "512Mi"],
        ports: &[METRICS, PROFILING, ("websocket", 8080)],
        env: Vec::new(),
        readiness: http(8080, "/", 5, 3),
        liveness: http(8080, "/", 10, 6),
        grace_seconds: 30,
    }
}

fn activator() -> Program {
    Program {
        name: "activator",
        replicas: 1,
        requests: ["100m", "32Mi"],
        limits: ["1", "600Mi"],
        ports: &[METRICS, PROFILING, ("http1", 8012), ("h2c", 8013)],
        env: Vec::new(),
        readiness: http(8012, "/", 5, 5),
        liveness: Check {
            initial_delay_seconds: 15,
            ..http(8012, "/", 10, 12)
        },
        // Requests in flight may take as long as `max-revision-timeout-seconds`.
        grace_seconds: 600,
    }
}

fn gateway(settings: &Settings) -> Program {
    Program {
        name: "gateway",
        replicas: settings.gateway_replicas,
        requests: ["100m", "24Mi"],
        limits: ["2", "512Mi"],
        ports: &[
            METRICS,
            ("http", 8080),
            ("https", 8443),
            ("http-internal", 8081),
            ("admin", 9000),
        ],
        env: Vec::new(),
        readiness: http(9000, "/readiness", 2, 3),
        liveness: http(9000, "/health", 10, 6),
        // As for the activator.
        grace_seconds: 600,
    }
}

fn http(port: u16, path: &'static str, period_seconds: i32, failure_threshold: i32) -> Check {
    Check {
        scheme: "HTTP",
        port,
        path,
        initial_delay_seconds: 0,
        period_seconds,
        failure_threshold,
    }
}

fn https(port: u16, period_seconds: i32, failure_threshold: i32) -> Check {
    Check {
        scheme: "HTTPS",
        ..http(port, "/", period_seconds, failure_threshold)
    }
}
