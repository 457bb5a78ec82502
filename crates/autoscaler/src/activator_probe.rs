//! Asks whether a revision's public Service is answered by an activator.
//!
//! Before the last pod goes, its traffic must have somewhere to go. The question takes the way that
//! requests take, through the Service's address, on a connection of its own: one that is kept open
//! would still lead to the pod.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use ebb_core::api::text::ProtocolType;
use ebb_core::names::{headers, ports};
use ebb_runtime::{Key, request};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::api::core::v1::Service;
use kube::Client;

/// An activator that is in the path answers within milliseconds; until it does we come back once a
/// second, and meanwhile the revision must not wait for us.
const DEADLINE: Duration = Duration::from_millis(500);
const USER_AGENT: &str = "Knative-Autoscaling-Probe";
/// What an activator answers.
const ANSWER: &str = headers::PROBE_ACTIVATOR;

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Service could not be read.
    #[error("cannot read Service {0}")]
    Service(Key, #[source] Box<kube::Error>),
    /// It does not exist, or has no address yet.
    #[error("Service {0} has no address")]
    NoAddress(Key),
    /// Nothing answered in time.
    #[error("no answer within {DEADLINE:?}")]
    Timeout,
    /// Nothing answered.
    #[error("no answer")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// Somebody else answered.
    #[error("answered by something else: {0}")]
    SomebodyElse(StatusCode),
}

/// Asks. Cheap to clone.
#[derive(Clone)]
pub struct ActivatorProbe {
    client: Client,
    http: HttpClient<HttpConnector, Empty<Bytes>>,
    cluster_domain: String,
}

impl fmt::Debug for ActivatorProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivatorProbe").finish_non_exhaustive()
    }
}

impl ActivatorProbe {
    /// A probe of the Services of the cluster with this domain.
    #[must_use]
    pub fn new(client: Client, cluster_domain: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(DEADLINE));
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Self {
            client,
            http,
            cluster_domain: cluster_domain.to_owned(),
        }
    }

    /// Succeeds if an activator answers for `service`.
    ///
    /// # Errors
    /// When it does not, for whatever reason.
    pub async fn ask(&self, service: &Key, protocol: &ProtocolType) -> Result<(), Error> {
        let address = self.address(service).await?;
        let port = match protocol {
            ProtocolType::H2c => ports::SERVICE_H2C,
            _ => ports::SERVICE_HTTP,
        };
        let asked = tokio::time::timeout(DEADLINE, self.exchange(service, address, port));
        asked.await.map_err(|_| Error::Timeout)?
    }

    async fn exchange(&self, service: &Key, address: IpAddr, port: u16) -> Result<(), Error> {
        let Key { namespace, name } = service;
        let host = format!("{name}.{namespace}.svc.{}", self.cluster_domain);
        // Upstream's URL has the double slash; whoever answers does not look at it.
        let request = Request::get(format!(
            "http://{}//healthz",
            SocketAddr::new(address, port)
        ))
        .header(header::HOST, host)
        .header(header::USER_AGENT, USER_AGENT)
        .header(headers::PROBE, headers::PROBE_ACTIVATOR)
        .body(Empty::new())
        .expect("names of Kubernetes objects are visible characters");
        let answer = self
            .http
            .request(request)
            .await
            .map_err(Error::Unreachable)?;
        let status = answer.status();
        // An answer that is longer than the right one is a wrong one.
        let body = Limited::new(answer.into_body(), ANSWER.len())
            .collect()
            .await;
        let right = body.is_ok_and(|body| body.to_bytes() == ANSWER);
        if status == StatusCode::OK && right {
            Ok(())
        } else {
            Err(Error::SomebodyElse(status))
        }
    }

    /// The Service's cluster address: names are never resolved here.
    async fn address(&self, key: &Key) -> Result<IpAddr, Error> {
        let service: Option<Service> = request::get(&self.client, key)
            .await
            .map_err(|error| Error::Service(key.clone(), Box::new(error)))?;
        let spec = service.and_then(|service| service.spec);
        let address = spec.and_then(|spec| spec.cluster_ip?.parse().ok());
        address.ok_or_else(|| Error::NoAddress(key.clone()))
    }
}
