//! From the probe that the controller wrote into the environment to what is run.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use http::header::{HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Uri};
use k8s_openapi::api::core::v1;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Check, Pace, Probe, grpc};

/// A probe definition that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// Not JSON, or not a probe.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Something in it is no port, path or header.
    #[error("{0}")]
    Value(String),
}

const EXEC: &str = "exec probe not supported";
const NONE: &str = "no probe found";
const HTTPS: &str = "an HTTPS probe cannot be run by the queue-proxy yet";

/// Reads one Kubernetes Probe, or a list of them when there are `several`
/// containers. Empty text is no probe.
///
/// # Errors
/// Text that is no probe.
pub fn parse(
    json: &str,
    several: bool,
    user_port: NonZeroU16,
    detect_http2: bool,
) -> Result<Vec<Probe>, Invalid> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    let probes: Vec<v1::Probe> = match several && json.trim_start().starts_with('[') {
        true => serde_json::from_str(json)?,
        false => vec![serde_json::from_str(json)?],
    };
    probes
        .into_iter()
        .map(|probe| one(probe, user_port, detect_http2))
        .collect()
}

fn one(probe: v1::Probe, user_port: NonZeroU16, detect_http2: bool) -> Result<Probe, Invalid> {
    let pace = match probe.period_seconds.unwrap_or(0) {
        ..=0 => Pace::Aggressive {
            successes: probe.success_threshold.unwrap_or(1).max(1) as u32,
        },
        _ => Pace::Once {
            limit: Duration::from_secs(probe.timeout_seconds.unwrap_or(1).max(1) as u64),
        },
    };
    let check = if let Some(get) = probe.http_get {
        http(get, user_port, detect_http2)?
    } else if let Some(tcp) = probe.tcp_socket {
        Check::Tcp(address(tcp.host.as_deref(), &tcp.port, user_port)?)
    } else if let Some(health) = probe.grpc {
        let address = address(None, &IntOrString::Int(health.port), user_port)?;
        Check::Grpc(grpc::Health {
            address,
            service: health.service.unwrap_or_default(),
        })
    } else if probe.exec.is_some() {
        Check::Never(EXEC)
    } else {
        Check::Never(NONE)
    };
    Ok(Probe { check, pace })
}

fn http(
    get: v1::HTTPGetAction,
    user_port: NonZeroU16,
    detect_http2: bool,
) -> Result<Check, Invalid> {
    if get
        .scheme
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
    {
        return Ok(Check::Never(HTTPS));
    }
    let path = get.path.unwrap_or_default();
    let target: Uri = format!("/{}", path.trim_start_matches('/'))
        .parse()
        .map_err(|cause| Invalid::Value(format!("path {path:?}: {cause}")))?;
    let mut headers = HeaderMap::new();
    for header in get.http_headers.unwrap_or_default() {
        let wrong = || Invalid::Value(format!("{:?} is no header", header.name));
        let name: HeaderName = header.name.parse().map_err(|_| wrong())?;
        let value = HeaderValue::from_str(&header.value).map_err(|_| wrong())?;
        // Containers are asked by their address, whatever is configured.
        if name != HOST {
            headers.append(name, value);
        }
    }
    Ok(Check::Http(super::http::Get {
        address: address(get.host.as_deref(), &get.port, user_port)?,
        target,
        headers,
        detect_http2,
    }))
}

/// A port of 0 or a name means the port of the user container.
fn address(
    host: Option<&str>,
    port: &IntOrString,
    user_port: NonZeroU16,
) -> Result<SocketAddr, Invalid> {
    let ip = match host {
        None | Some("") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(host) => host
            .parse()
            .map_err(|_| Invalid::Value(format!("host {host:?} is no address")))?,
    };
    let port = match port {
        IntOrString::Int(0) => user_port.get(),
        IntOrString::Int(port) => {
            u16::try_from(*port).map_err(|_| Invalid::Value(format!("{port} is no port")))?
        }
        IntOrString::String(text) => text.parse().unwrap_or(user_port.get()),
    };
    Ok(SocketAddr::new(ip, port))
}
