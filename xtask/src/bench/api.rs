//! A stand-in for the API server: hands out a fixed set of objects.
//!
//! Lists hold all objects of the kind, watches begin with them where that is
//! asked for and then stay silent, and whatever is written comes back as if it
//! had been stored. That is all a proxy needs to have its tables; it is no
//! Kubernetes, and nothing but the bench may rely on it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Api {
    kubeconfig: tempfile::NamedTempFile,
    task: AbortHandle,
}

type Objects = HashMap<&'static str, Vec<Value>>;
type Body = UnsyncBoxBody<Bytes, Infallible>;

impl Api {
    /// Serves `objects`, each under the plural of its kind.
    pub(super) async fn start(objects: Vec<(&'static str, Value)>) -> Result<Self> {
        let mut by_kind = Objects::new();
        for (plural, object) in objects {
            by_kind.entry(plural).or_default().push(object);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        #[expect(clippy::disallowed_methods, reason = "ends with its owner")]
        let task = tokio::spawn(accept(listener, Arc::new(by_kind))).abort_handle();
        let kubeconfig = tempfile::NamedTempFile::new().context("cannot make a kubeconfig")?;
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "bench", "user": {}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        });
        std::fs::write(kubeconfig.path(), config.to_string())?;
        Ok(Self { kubeconfig, task })
    }

    /// The path of a kubeconfig that leads here.
    pub(super) fn kubeconfig(&self) -> String {
        self.kubeconfig.path().display().to_string()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, objects: Arc<Objects>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let objects = Arc::clone(&objects);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&objects), request));
            let server = hyper::server::conn::http1::Builder::new();
            // A client that goes away is the usual end.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    objects: Arc<Objects>,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let path: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
    let query = head.uri.query().unwrap_or_default();
    if head.method != Method::GET {
        let written = body.collect().await?.to_bytes();
        let status = if head.method == Method::POST {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        return Ok(reply(status, written));
    }
    if path == ["version"] {
        let version = json!({"major": "1", "minor": "35", "gitVersion": "v1.35.0"});
        return Ok(reply(StatusCode::OK, version.to_string()));
    }
    Ok(match of_kind(&objects, &path) {
        Some(items) if query.contains("watch=true") => {
            watch(items, query.contains("sendInitialEvents=true"))
        }
        Some(items) => reply(StatusCode::OK, list(items).to_string()),
        None => {
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure",
                "reason": "NotFound", "message": "not found", "code": 404,
            });
            reply(StatusCode::NOT_FOUND, status.to_string())
        }
    })
}

/// The objects that a list of `path` holds; `None` if it names a single object.
fn of_kind<'a>(objects: &'a Objects, path: &[&str]) -> Option<&'a [Value]> {
    // /api/v1/… or /apis/GROUP/VERSION/…, then perhaps namespaces/NAME.
    let rest = match path {
        ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
        _ => return None,
    };
    match rest {
        [plural] | ["namespaces", _, plural] => {
            Some(objects.get(*plural).map_or(&[], Vec::as_slice))
        }
        _ => None,
    }
}

fn list(items: &[Value]) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})
}

fn watch(items: &[Value], from_the_start: bool) -> Response<Body> {
    let mut lines = String::new();
    if from_the_start {
        for object in items {
            lines += &json!({"type": "ADDED", "object": object}).to_string();
            lines.push('\n');
        }
        let mark = json!({
            "metadata": {
                "resourceVersion": "1",
                "annotations": {"k8s.io/initial-events-end": "true"},
            },
            "kind": items.first().map_or(&json!("Unknown"), |item| &item["kind"]),
            "apiVersion": items.first().map_or(&json!("v1"), |item| &item["apiVersion"]),
        });
        lines += &json!({"type": "BOOKMARK", "object": mark}).to_string();
        lines.push('\n');
    }
    let first = stream::iter([Ok(Frame::data(Bytes::from(lines)))]);
    let body = StreamBody::new(first.chain(stream::pending()));
    Response::new(UnsyncBoxBody::new(body))
}

fn reply(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(UnsyncBoxBody::new(Full::new(body.into())));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}
