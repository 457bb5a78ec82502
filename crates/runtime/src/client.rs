//! The connection to the API server.
//!
//! Built from kube's parts instead of its ready-made stack for two reasons. A connection whose other end is gone must
//! be noticed within seconds, which takes TCP keep-alive and a user timeout on the socket. And an answer such as 404
//! or 409 is the business of the caller, not an ERROR in the log.
//!
//! There is no client-side rate limit: concurrency of the reconcilers bounds what we ask, and the API server's own
//! priority and fairness protects it from everybody at once.

use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt as _};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::{BoxError, Service, ServiceBuilder};

/// How long a new connection may take. The API server is near; a packet that is lost is sent again after 1 s.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the head of an answer may take, watches excepted. The API server's own limit is 60 s, and admission
/// webhooks may use up to 30 s of it.
const ANSWER: Duration = Duration::from_secs(35);
/// A connection with sent but unacknowledged data is given up after this.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// An idle connection is asked for a sign of life after this, three times, so a dead one is noticed after 15 s.
const KEEPALIVE: Duration = Duration::from_secs(9);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither a kubeconfig nor a pod's service account could be used.
    #[error("cannot find out how to reach the API server")]
    Infer(#[source] kube::config::InferConfigError),
    /// The named kubeconfig cannot be used.
    #[error("cannot use kubeconfig {}", path.display())]
    Kubeconfig {
        /// The file that was asked for.
        path: PathBuf,
        /// What is wrong with it.
        source: kube::config::KubeconfigError,
    },
    /// Certificates or credentials cannot be used.
    #[error("cannot set up the connection to the API server")]
    Setup(#[source] kube::Error),
    /// The API server did not answer in time.
    #[error("API server does not answer")]
    Away(#[source] kube::Error),
    /// The API server is too old.
    #[error(
        "API server is {found}, at least {wanted} is needed (KUBERNETES_MIN_VERSION can lower this)"
    )]
    TooOld {
        /// Its version.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// What was asked for is no version.
    #[error("KUBERNETES_MIN_VERSION is {0:?}, which is not a version such as v1.34.0")]
    NoVersion(String),
}

/// Connects as `KUBECONFIG`, `~/.kube/config` or the pod's service account say, in this order; `kubeconfig` wins over
/// all. Nothing is sent yet.
///
/// # Errors
/// When there is no usable configuration.
pub async fn connect(kubeconfig: Option<PathBuf>) -> Result<Client, Error> {
    let config = match kubeconfig {
        None => Config::infer().await.map_err(Error::Infer)?,
        Some(path) => {
            let read = async {
                let file = Kubeconfig::read_from(&path)?;
                Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await
            };
            read.await
                .map_err(|source| Error::Kubeconfig { path, source })?
        }
    };
    build(config).map_err(Error::Setup)
}

fn build(config: Config) -> Result<Client, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    let tls = config.rustls_https_connector_with_connector(tcp)?;
    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(tls);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .layer_fn(|inner| Deadline { inner })
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace))
}

/// Gives up on an answer whose head does not come. A watch may take as long as it likes; its liveness is the
/// connection's, and bookmarks tell the watcher.
#[derive(Clone, Debug)]
struct Deadline<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let endless = request
            .uri()
            .query()
            .is_some_and(|query| query.contains("watch=true"));
        let answer = self.inner.call(request);
        Box::pin(async move {
            if endless {
                return answer.await.map_err(Into::into);
            }
            match tokio::time::timeout(ANSWER, answer).await {
                Ok(answer) => answer.map_err(Into::into),
                Err(elapsed) => Err(elapsed.into()),
            }
        })
    }
}

/// Waits until the API server answers, then checks that it is at least `minimum` (such as `v1.34.0`).
///
/// Asks once a second, up to a minute, as upstream does: a process often starts before its node can reach the API.
///
/// # Errors
/// [`Error::Away`] after a minute without an answer, [`Error::TooOld`] and [`Error::NoVersion`] at once.
pub async fn wait_for_server(client: &Client, minimum: &str) -> Result<(), Error> {
    let least = release(minimum).ok_or_else(|| Error::NoVersion(minimum.to_owned()))?;
    let mut attempt = 0;
    let found = loop {
        match client.apiserver_version().await {
            Ok(version) => break version.git_version,
            Err(error) if attempt >= 60 => return Err(Error::Away(error)),
            Err(error) => {
                attempt += 1;
                tracing::warn!(error = %ebb_process::log::Chain(&error), attempt, "API server does not answer yet");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    };
    match release(&found) {
        Some(is) if is < least => Err(Error::TooOld {
            found,
            wanted: minimum.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The numbers of `v1.34.2-rc.1+k3s1`: pre-releases count as their release.
fn release(version: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = version
        .trim_start_matches('v')
        .split(['.', '-', '+'])
        .map(str::parse);
    Some((
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn versions_are_compared_by_number_and_pre_releases_count() {
        assert!(release("v1.9.0") < release("v1.34.0"));
        assert_eq!(release("v1.34.0-alpha.1"), release("v1.34.0"));
        assert_eq!(release("v1.35.2+k3s1"), Some((1, 35, 2)));
        assert_eq!(release("none"), None);
    }
}
