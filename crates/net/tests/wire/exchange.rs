//! One request and its response: heads, bodies, trailers.

use std::time::Duration;

use bytes::Bytes;
use ebb_net::client::{Settings, Upstream};
use http::{Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::proxy::{NO_LIMITS, Proxy, Raw, accept, app, listen, status};

#[tokio::test]
async fn connection_headers_stay_and_the_peer_is_added() {
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client
        .send(
            "GET /a%20b?x=1 HTTP/1.1\r\nHost: h.example\r\nConnection: x-mine\r\nX-Mine: 1\r\n\
             Keep-Alive: 3\r\nX-Forwarded-For: 1.2.3.4\r\nX-Other: 2\r\n\r\n",
        )
        .await;
    let mut server = accept(&listener).await;
    let head = server.read_until("\r\n\r\n").await;
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    lines[1..].sort_unstable();
    assert_eq!(
        lines,
        [
            "GET /a%20b?x=1 HTTP/1.1",
            "host: h.example",
            "x-forwarded-for: 1.2.3.4, 127.0.0.1",
            "x-other: 2",
        ]
    );
    server
        .send("HTTP/1.1 200 OK\r\nKeep-Alive: 9\r\nContent-Length: 2\r\nX-Back: 1\r\n\r\nok")
        .await;
    let answer = client.read_until("ok").await;
    assert!(
        answer.contains("x-back: 1") && !answer.contains("keep-alive"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_unreachable_upstream_is_a_502_that_says_why() {
    let (listener, upstream) = listen().await;
    drop(listener);
    let (proxy, breaker) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let text = format!("dial tcp {upstream}: connect: connection refused\n");
    let answer = client.read_until(&text).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert_eq!(breaker.in_flight(), 0);
}

#[tokio::test]
async fn a_kept_connection_is_used_again_and_replaced_when_it_went_stale() {
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    client.send(request).await;
    let mut first = accept(&listener).await;
    for _ in 0..2 {
        first.read_until("\r\n\r\n").await;
        first.send(ok).await;
        client.read_until("ok").await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::time::resume();
        client.send(request).await;
    }
    // The third request reaches a server that hangs up instead of answering.
    first.read_until("\r\n\r\n").await;
    drop(first);
    let mut second = accept(&listener).await;
    second.read_until("\r\n\r\n").await;
    second.send(ok).await;
    assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_request_with_a_body_is_never_repeated() {
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    let request = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
    client.send(request).await;
    let mut first = accept(&listener).await;
    first.read_until("hi").await;
    first
        .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await;
    client.read_until("ok").await;
    client.send(request).await;
    first.read_until("hi").await;
    drop(first);
    let answer = client.read_until("EOF\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}

#[tokio::test]
async fn the_body_is_asked_for_only_when_the_upstream_wants_it() {
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 2, NO_LIMITS).await;
    let request = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";

    let mut refused = Raw::open(proxy).await;
    refused.send(request).await;
    let mut server = accept(&listener).await;
    assert!(
        server
            .read_until("\r\n\r\n")
            .await
            .contains("expect: 100-continue")
    );
    server
        .send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        .await;
    let answer = refused.read_until("no").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");

    let mut welcome = Raw::open(proxy).await;
    welcome.send(request).await;
    let mut server = accept(&listener).await;
    server.read_until("\r\n\r\n").await;
    server.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert!(
        welcome
            .read_until("\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 100 ")
    );
    welcome.send("body").await;
    server.read_until("body").await;
    server
        .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await;
    assert!(welcome.read_until("ok").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn bodies_flow_both_ways_at_once() {
    let upstream = app(async |request: Request<hyper::body::Incoming>| {
        Response::new(request.into_body().boxed())
    })
    .await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client
        .send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    client.send("4\r\nping\r\n").await;
    client.read_until("ping\r\n").await;
    client.send("4\r\npong\r\n").await;
    client.read_until("pong\r\n").await;
    client.send("0\r\n\r\n").await;
    client.read_until("0\r\n\r\n").await;
}

#[tokio::test]
async fn http1_trailers_that_were_announced_arrive() {
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client
        .send("GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
        .await;
    let mut server = accept(&listener).await;
    assert!(server.read_until("\r\n\r\n").await.contains("te: trailers"));
    server
        .send("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n")
        .await;
    let answer = client.read_until("0\r\nx-sum: 7\r\n\r\n").await;
    assert!(answer.contains("trailer: X-Sum"), "{answer}");
}

#[tokio::test]
async fn http2_goes_through_as_http2_with_its_trailers() {
    let upstream = app(async |request: Request<hyper::body::Incoming>| {
        assert_eq!(request.version(), Version::HTTP_2);
        assert_eq!(request.uri().authority().unwrap(), "svc.example");
        assert_eq!(request.headers()["te"], "trailers");
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        let frames = [
            Frame::data(Bytes::from_static(b"hi")),
            Frame::trailers(trailers),
        ];
        let stream = futures::stream::iter(frames.map(Ok::<_, hyper::Error>));
        Response::new(StreamBody::new(stream).boxed())
    })
    .await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let stream = TcpStream::connect(proxy).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::task::spawn(connection);
    let request = Request::post("http://svc.example/pkg.Svc/Call")
        .header("te", "trailers")
        .body(Full::new(Bytes::from_static(b"x")))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(body.to_bytes(), "hi");
}

#[tokio::test]
async fn an_offer_of_h2c_is_declined_and_not_passed_on() {
    let upstream = app(async |request: Request<hyper::body::Incoming>| {
        assert!(!request.headers().contains_key("upgrade"));
        assert!(!request.headers().contains_key("http2-settings"));
        status(StatusCode::NO_CONTENT)
    })
    .await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client
        .send(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMAAABk\r\n\r\n",
        )
        .await;
    assert!(
        client
            .read_until("\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 204 ")
    );
}

#[tokio::test]
async fn a_probe_leaves_a_warm_connection_for_the_first_request() {
    let (listener, address) = listen().await;
    let upstream = Upstream::new(address, Settings::default());
    for _ in 0..2 {
        let probe = async {
            let request = Request::get("/healthz")
                .header("host", "h")
                .body(())
                .unwrap();
            upstream
                .probe(request)
                .await
                .unwrap()
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
        };
        let serve = async {
            // The second round must find the first one's connection.
            static FIRST: tokio::sync::Mutex<Option<Raw>> = tokio::sync::Mutex::const_new(None);
            let mut kept = FIRST.lock().await;
            if kept.is_none() {
                *kept = Some(accept(&listener).await);
            }
            let server = kept.as_mut().unwrap();
            server.read_until("\r\n\r\n").await;
            server
                .send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nqueue")
                .await;
        };
        let (answer, ()) = tokio::join!(probe, serve);
        assert_eq!(answer, "queue");
    }
}

#[tokio::test]
async fn a_head_request_keeps_the_length_it_was_told() {
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let mut server = accept(&listener).await;
    server.read_until("\r\n\r\n").await;
    server
        .send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
        .await;
    assert!(
        client
            .read_until("\r\n\r\n")
            .await
            .contains("content-length: 1234")
    );
}
