//! Port numbers and names of the data plane.

/// HTTP/1 requests: activator and queue-proxy.
pub const HTTP: u16 = 8012;
/// HTTP/2 requests without TLS: activator and queue-proxy.
pub const H2C: u16 = 8013;
/// Requests over TLS: activator and queue-proxy.
pub const HTTPS: u16 = 8112;
/// Drain and health of queue-proxy.
pub const QUEUE_ADMIN: u16 = 8022;
/// Statistics of queue-proxy for the autoscaler.
pub const AUTOSCALING_METRICS: u16 = 9090;
/// Metrics of queue-proxy for people.
pub const USER_METRICS: u16 = 9091;
/// Metrics of the system's programs.
pub const METRICS: u16 = 9090;
/// Profiling.
pub const PROFILING: u16 = 8008;
/// Where user containers listen unless they say otherwise.
pub const DEFAULT_USER: u16 = 8080;
/// Numbers that users may not take.
pub const RESERVED: [u16; 6] = [
    PROFILING,
    HTTP,
    H2C,
    QUEUE_ADMIN,
    AUTOSCALING_METRICS,
    USER_METRICS,
];

/// Port of a revision's Service for HTTP/1.
pub const SERVICE_HTTP: u16 = 80;
/// Port of a revision's public Service for HTTP/2.
pub const SERVICE_H2C: u16 = 81;
/// Port of a revision's Service for TLS.
pub const SERVICE_HTTPS: u16 = 443;

/// Name of the serving port in a pod.
pub const USER_PORT_NAME: &str = "user-port";
/// Name of queue-proxy's request port.
pub const QUEUE_PORT_NAME: &str = "queue-port";
/// Name of queue-proxy's TLS port.
pub const HTTPS_PORT_NAME: &str = "https-port";
/// Name of the port that the autoscaler scrapes.
pub const AUTOSCALING_METRICS_NAME: &str = "http-autometric";
/// Name of the port that people scrape.
pub const USER_METRICS_NAME: &str = "http-usermetric";
/// Name of the profiling port.
pub const PROFILING_NAME: &str = "profiling-port";
/// Name of a Service's HTTP/1 port.
pub const SERVICE_HTTP_NAME: &str = "http";
/// Name of a Service's HTTP/2 port.
pub const SERVICE_H2C_NAME: &str = "http2";
/// Name of a Service's TLS port.
pub const SERVICE_HTTPS_NAME: &str = "https";
/// `appProtocol` of ports that speak HTTP/2 without TLS.
pub const APP_PROTOCOL_H2C: &str = "kubernetes.io/h2c";
