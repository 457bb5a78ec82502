//! A whole gateway process in the test's runtime, and clients for it.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use ebb_core::api::ingress::Ingress;
use ebb_gateway::objects::Objects;
use ebb_gateway::run::{Listeners, start};
use ebb_gateway::settings::{Ports, Settings};
use ebb_process::{Stop, Supervisor};
use ebb_runtime::{Cache, Key, fake};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

pub(crate) const CLASS: &str = "networking.knative.dev/ingress.class";

/// The gateway under test.
pub(crate) struct World {
    pub(crate) objects: Objects,
    pub(crate) api: fake::Api,
    pub(crate) ports: Ports,
    leaving: Stop,
    pub(crate) running: JoinHandle<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let objects = Objects::of(Cache::of([]), Cache::of([]), Cache::of([]), Cache::of([]));
        let settings = Settings::read(|name| name.ends_with("PORT").then(|| "0".into())).unwrap();
        let listeners = Listeners::bind(&settings.ports).await.unwrap();
        let ports = listeners.ports().unwrap();
        let settings = Settings { ports, ..settings };
        let api = fake::Api::new();
        let supervisor = Supervisor::new();
        let leaving = Stop::new();
        start(
            &supervisor,
            &api.client(),
            objects.clone(),
            &settings,
            listeners,
            leaving.clone(),
        );
        let running =
            tokio::spawn(async move { supervisor.run(Duration::from_secs(5)).await.unwrap() });
        Self {
            objects,
            api,
            ports,
            leaving,
            running,
        }
    }

    pub(crate) fn public(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.http))
    }

    pub(crate) fn private(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.internal))
    }

    /// Asks the gateway to leave, after which `running` ends.
    pub(crate) fn leave(&self) {
        self.leaving.trigger();
    }

    /// A Service with one port of this name, and a slice with these addresses (which differ in port, as all toys
    /// share one IP: hence a slice for each).
    pub(crate) fn service(&self, name: &str, port_name: &str, addresses: &[SocketAddr]) {
        self.objects.services.insert(parse(json!({
            "metadata": { "namespace": "ns", "name": name },
            "spec": { "ports": [{ "name": port_name, "port": 80 }] },
        })));
        let label = format!("{name}-");
        let old = self.objects.slices.keys();
        let kept: Vec<String> = addresses
            .iter()
            .map(|address| format!("{label}{}", address.port()))
            .collect();
        // Make before break, as the endpoint controllers do.
        for (address, slice) in addresses.iter().zip(&kept) {
            self.objects.slices.insert(parse(json!({
                "metadata": { "namespace": "ns", "name": slice, "labels": { "kubernetes.io/service-name": name } },
                "addressType": "IPv4",
                "ports": [{ "name": port_name, "port": address.port() }],
                "endpoints": [{ "addresses": [address.ip().to_string()], "conditions": { "ready": true } }],
            })));
        }
        for key in old
            .into_iter()
            .filter(|key| key.name.starts_with(&label) && !kept.contains(&key.name))
        {
            self.objects.slices.remove(&key);
        }
    }

    /// An Ingress of our class.
    pub(crate) fn ingress(&self, name: &str, generation: i64, spec: Value) {
        let object = json!({
            "apiVersion": "networking.internal.knative.dev/v1alpha1", "kind": "Ingress",
            "metadata": {
                "namespace": "ns", "name": name, "uid": format!("uid-{name}"), "generation": generation,
                "annotations": { CLASS: "ebb.ingress.networking.knative.dev" },
            },
            "spec": spec,
        });
        self.api.put(&ingress_path(name), object.clone());
        self.objects.ingresses.insert(parse::<Ingress>(object));
    }

    /// Resolves when this generation is served.
    pub(crate) async fn served(&self, name: &str, generation: i64) {
        let wanted =
            format!(r#""name":"{name}","version":{{"uid":"uid-{name}","generation":{generation},"#);
        let mut client = Http1::to(SocketAddr::from(([127, 0, 0, 1], self.ports.admin))).await;
        let mut ledger = client.open("replica", "/ledger").await.into_body();
        let mut text = String::new();
        let search = async {
            while !text.contains(&wanted) {
                let frame = ledger.frame().await.expect("the ledger goes on").unwrap();
                text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(10), search)
            .await
            .expect("served in time");
    }

    /// The usual: one host, one Service, served.
    pub(crate) async fn route(&self, host: &str, service: &str) {
        self.ingress(service, 1, to(host, service));
        self.served(service, 1).await;
    }
}

pub(crate) fn ingress_path(name: &str) -> String {
    format!("/apis/networking.internal.knative.dev/v1alpha1/namespaces/ns/ingresses/{name}")
}

pub(crate) fn parse<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

pub(crate) fn key(name: &str) -> Key {
    Key::new("ns", name)
}

pub(crate) fn split(service: &str, percent: u32) -> Value {
    json!({ "serviceNamespace": "ns", "serviceName": service, "servicePort": 80, "percent": percent })
}

/// A public rule with one path.
pub(crate) fn rule(host: &str, splits: &[Value]) -> Value {
    json!({ "hosts": [host], "visibility": "ExternalIP", "http": { "paths": [{ "splits": splits }] } })
}

pub(crate) fn to(host: &str, service: &str) -> Value {
    json!({ "rules": [rule(host, &[split(service, 100)])] })
}

/// One HTTP/1.1 connection.
pub(crate) struct Http1(http1::SendRequest<Full<Bytes>>);

impl Http1 {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    pub(crate) async fn over<S>(stream: S) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Response<hyper::body::Incoming> {
        self.0.ready().await.unwrap();
        self.0.send_request(request).await.unwrap()
    }

    pub(crate) async fn open(&mut self, host: &str, path: &str) -> Response<hyper::body::Incoming> {
        self.send(get(host, path)).await
    }

    /// Status and body.
    pub(crate) async fn get(&mut self, host: &str, path: &str) -> (StatusCode, String) {
        read(self.open(host, path).await).await
    }
}

/// One HTTP/2 connection that was opened without asking.
#[derive(Clone)]
pub(crate) struct Http2(http2::SendRequest<Full<Bytes>>);

impl Http2 {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    pub(crate) async fn over<S>(stream: S) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    pub(crate) async fn get(&mut self, host: &str, path: &str) -> (StatusCode, String) {
        let request = Request::get(format!("http://{host}{path}"))
            .body(Full::default())
            .unwrap();
        read(self.0.send_request(request).await.unwrap()).await
    }
}

pub(crate) fn get(host: &str, path: &str) -> Request<Full<Bytes>> {
    Request::get(path)
        .header("host", host)
        .body(Full::default())
        .unwrap()
}

pub(crate) async fn read(response: Response<hyper::body::Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// What a toy says of a request.
pub(crate) async fn told(response: Response<hyper::body::Incoming>) -> Value {
    let (status, body) = read(response).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The name of the toy that answered.
pub(crate) fn name(body: &str) -> String {
    serde_json::from_str::<Value>(body).unwrap()["name"]
        .as_str()
        .unwrap()
        .to_owned()
}
