//! Certificates by server name, and the redirect to https.

use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use k8s_openapi::api::core::v1::Secret;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::toy::Toy;
use crate::world::{Http1, Http2, World, rule, split, told};

/// Puts a fresh certificate into a Secret and returns it for the client to trust.
fn secret(world: &World, name: &str, host: &str) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let mut secret = Secret::default();
    secret.metadata.namespace = Some("ns".into());
    secret.metadata.name = Some(name.into());
    let member =
        |name: &str, text: String| (name.to_owned(), k8s_openapi::ByteString(text.into_bytes()));
    let members = [
        member("tls.crt", made.cert.pem()),
        member("tls.key", made.signing_key.serialize_pem()),
    ];
    secret.data = Some(members.into());
    world.objects.secrets.insert(secret);
    made.cert.der().clone()
}

async fn connect(
    world: &World,
    trusted: CertificateDer<'static>,
    host: &str,
    alpn: &[u8],
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], world.ports.https)))
        .await
        .unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_host_has_its_certificate_and_plain_http_stays() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http", &[toy.address]);
    let hosts = ["a.example.com", "b.example.com"];
    let mut trusted = Vec::new();
    for (name, host) in ["a", "b"].into_iter().zip(hosts) {
        let mut spec =
            json!({ "rules": [rule(host, &[split("s", 100)])], "httpOption": "Enabled" });
        spec["tls"] = json!([{ "hosts": [host], "secretName": name, "secretNamespace": "ns" }]);
        world.ingress(name, 1, spec);
        // The Secret comes after the Ingress.
        trusted.push(secret(&world, name, host));
        world.served(name, 1).await;
    }
    for (host, trusted) in hosts.into_iter().zip(trusted) {
        let stream = connect(&world, trusted.clone(), host, b"http/1.1").await;
        let told = told(Http1::over(stream).await.open(host, "/").await).await;
        assert_eq!(told["headers"]["x-forwarded-proto"], json!(["https"]));
        let stream = connect(&world, trusted, host, b"h2").await;
        assert_eq!(
            Http2::over(stream).await.get(host, "/").await.0,
            StatusCode::OK
        );
        assert_eq!(
            Http1::to(world.public()).await.get(host, "/").await.0,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn redirected_hosts_send_plain_requests_to_https() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http", &[toy.address]);
    let host = "a.example.com";
    let trusted = secret(&world, "a", host);
    let mut spec = json!({ "rules": [rule(host, &[split("s", 100)])], "httpOption": "Redirected" });
    spec["tls"] = json!([{ "hosts": [host], "secretName": "a", "secretNamespace": "ns" }]);
    world.ingress("a", 1, spec);
    world.served("a", 1).await;
    let response = Http1::to(world.public())
        .await
        .open("a.example.com:80", "/x?y=1")
        .await;
    assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);
    assert_eq!(
        response.headers()["location"],
        "https://a.example.com/x?y=1"
    );
    let stream = connect(&world, trusted, host, b"http/1.1").await;
    assert_eq!(
        Http1::over(stream).await.get(host, "/").await.0,
        StatusCode::OK
    );
}
