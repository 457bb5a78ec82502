#![allow(
    clippy::disallowed_methods,
    reason = "the tasks of a test end with its runtime"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::atomic::AtomicUsize;

use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use super::*;

const USER_PORT: NonZeroU16 = NonZeroU16::new(8080).unwrap();

fn probe(json: &str) -> Probe {
    parse(json, false, USER_PORT, false).unwrap().remove(0)
}

fn at(address: SocketAddr, json: &str) -> Readiness {
    let json = json.replace("PORT", &address.port().to_string());
    Readiness::new(parse(&json, json.starts_with('['), USER_PORT, false).unwrap())
}

/// Serves `answer` on loopback and hands out the address.
async fn container<F>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> Response<Full<Bytes>> + Clone + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            let service = hyper::service::service_fn(move |request| {
                let response = answer(request);
                async move { Ok::<_, Infallible>(response) }
            });
            tokio::task::spawn(async move {
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

fn status(code: u16) -> Response<Full<Bytes>> {
    Response::builder()
        .status(code)
        .body(Full::default())
        .unwrap()
}

#[test]
fn a_probe_without_a_period_is_aggressive() {
    assert_eq!(
        probe(r#"{"tcpSocket": {"host": "127.0.0.1", "port": 0}, "successThreshold": 3}"#),
        Probe {
            check: Check::Tcp(([127, 0, 0, 1], 8080).into()),
            pace: Pace::Aggressive { successes: 3 },
        }
    );
}

#[test]
fn a_probe_with_a_period_checks_once_within_its_timeout() {
    for (json, seconds) in [
        (
            r#"{"tcpSocket": {"port": 1}, "periodSeconds": 5, "timeoutSeconds": 3}"#,
            3,
        ),
        (r#"{"tcpSocket": {"port": 1}, "periodSeconds": 5}"#, 1),
    ] {
        assert_eq!(
            probe(json).pace,
            Pace::Once {
                limit: Duration::from_secs(seconds)
            }
        );
    }
}

#[test]
fn what_cannot_be_checked_says_so() {
    for (json, why) in [
        (
            r#"{"exec": {"command": ["true"]}}"#,
            "exec probe not supported",
        ),
        ("{}", "no probe found"),
    ] {
        assert_eq!(probe(json).check, Check::Never(why));
    }
}

#[tokio::test]
async fn no_probe_is_always_ready() {
    assert!(Readiness::new(Vec::new()).check().await);
}

#[tokio::test]
async fn statuses_from_200_to_399_pass() {
    for (code, passes) in [
        (200, true),
        (204, true),
        (302, true),
        (399, true),
        (400, false),
        (500, false),
    ] {
        let address = container(move |_| status(code)).await;
        let json = r#"{"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 1}"#;
        assert_eq!(at(address, json).check().await, passes, "{code}");
    }
}

#[tokio::test]
async fn an_http_probe_looks_like_a_kubelet_and_carries_its_headers() {
    let address = container(|request| {
        let headers = request.headers();
        let right = headers["user-agent"] == "kube-probe//"
            && headers["x-token"] == "t"
            && headers["host"].to_str().unwrap().starts_with("127.0.0.1:")
            && request.uri() == "/a?b=c";
        status(if right { 200 } else { 500 })
    })
    .await;
    let json = r#"{"httpGet": {"path": "a?b=c", "port": PORT, "httpHeaders":
        [{"name": "X-Token", "value": "t"}, {"name": "Host", "value": "other"}]}, "periodSeconds": 1}"#;
    assert!(at(address, json).check().await);
}

#[tokio::test]
async fn redirects_inside_the_container_are_followed() {
    let address = container(|request| match request.uri().path() {
        "/" => Response::builder()
            .status(302)
            .header("location", "/sick")
            .body(Full::default())
            .unwrap(),
        _ => status(503),
    })
    .await;
    let json = r#"{"httpGet": {"port": PORT}, "periodSeconds": 1}"#;
    assert!(!at(address, json).check().await);
}

#[tokio::test]
async fn all_probes_of_several_containers_must_pass() {
    let address = container(|_| status(200)).await;
    let json = r#"[{"httpGet": {"port": PORT}, "periodSeconds": 1}, {"tcpSocket": {"port": 1}, "periodSeconds": 1}]"#;
    assert!(!at(address, json).check().await);
}

#[tokio::test]
async fn an_aggressive_probe_waits_for_the_container() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let readiness = at(address, r#"{"tcpSocket": {"port": PORT}}"#);
    let listens = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        TcpListener::bind(address).await.unwrap()
    };
    let (ready, _listener) = tokio::join!(readiness.check(), listens);
    assert!(ready);
}

#[tokio::test]
async fn those_who_ask_together_share_one_round() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let address = container(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        status(200)
    })
    .await;
    let readiness = at(
        address,
        r#"{"httpGet": {"port": PORT}, "periodSeconds": 1}"#,
    );
    let (a, b, c) = tokio::join!(readiness.check(), readiness.check(), readiness.check());
    assert!(a && b && c);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(readiness.check().await);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

async fn grpc_container(status: u8) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| async move {
            assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
            let asked = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(&asked[..], b"\0\0\0\0\x03\x0a\x01s");
            let mut trailers = ::http::HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            let frames = [
                Ok::<_, Infallible>(Frame::data(Bytes::from(vec![0, 0, 0, 0, 2, 8, status]))),
                Ok(Frame::trailers(trailers)),
            ];
            Ok::<_, Infallible>(Response::new(StreamBody::new(futures::stream::iter(
                frames,
            ))))
        });
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    });
    address
}

#[tokio::test]
async fn grpc_health_must_be_serving() {
    for (status, passes) in [(1, true), (2, false)] {
        let address = grpc_container(status).await;
        let json = r#"{"grpc": {"port": PORT, "service": "s"}, "periodSeconds": 1}"#;
        assert_eq!(at(address, json).check().await, passes);
    }
}
