//! What a request holds, and when it lets go.

use std::time::Duration;

use bytes::Bytes;
use ebb_net::server;
use ebb_net::timeout::Limits;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::proxy::{
    App, NO_LIMITS, PATIENCE, Proxy, Raw, accept, app, listen, serve, serve_with, text_response,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn a_body_left_open_keeps_the_next_caller_waiting() {
    let (listener, upstream) = listen().await;
    let (proxy, breaker) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut first = Raw::open(proxy).await;
    first.send(GET).await;
    let mut server = accept(&listener).await;
    server.read_until("\r\n\r\n").await;
    server
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
        .await;
    first.read_until("part\r\n").await;

    let mut second = Raw::open(proxy).await;
    second.send(GET).await;
    while breaker.in_flight() < 2 {
        tokio::task::yield_now().await;
    }
    let overtakes = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(overtakes.is_err(), "the second request must wait");

    server.send("0\r\n\r\n").await;
    first.read_until("0\r\n\r\n").await;
    server.read_until("\r\n\r\n").await;
    server
        .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await;
    second.read_until("ok").await;
}

#[tokio::test]
async fn a_client_that_leaves_early_cancels_the_upstream_and_frees_the_slot() {
    let (listener, upstream) = listen().await;
    let (proxy, breaker) = Proxy::start(upstream, 1, NO_LIMITS).await;
    for sent in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
        let mut client = Raw::open(proxy).await;
        client.send(GET).await;
        let mut server = accept(&listener).await;
        server.read_until("\r\n\r\n").await;
        if !sent.is_empty() {
            server.send(sent).await;
            client.read_until("half").await;
        }
        drop(client);
        assert_eq!(server.read_to_end().await, "");
        tokio::time::timeout(PATIENCE, async {
            while breaker.in_flight() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn an_upstream_that_breaks_off_breaks_off_the_client() {
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client.send(GET).await;
    let mut server = accept(&listener).await;
    server.read_until("\r\n\r\n").await;
    server
        .send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        .await;
    client.read_until("half").await;
    drop(server);
    assert_eq!(client.read_to_end().await, "");
}

async fn after_a_timeout(limits: Limits, head: &'static str) -> String {
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 1, limits).await;
    let mut client = Raw::open(proxy).await;
    client
        .send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    let mut server = accept(&listener).await;
    server.read_until("\r\n\r\n").await;
    server.send(head).await;
    let answer = client.read_to_end().await;
    assert_eq!(server.read_to_end().await, "", "the exchange is cancelled");
    answer
}

const SHORT: Limits = Limits {
    total: Duration::from_millis(200),
    ..NO_LIMITS
};

#[tokio::test]
async fn a_silent_upstream_is_a_504() {
    let answer = after_a_timeout(SHORT, "").await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nrequest timeout"), "{answer}");
}

#[tokio::test]
async fn a_body_without_length_ends_with_the_message() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n";
    let answer = after_a_timeout(SHORT, head).await;
    assert!(
        answer.ends_with("4\r\npart\r\nF\r\nrequest timeout\r\n0\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_of_known_length_is_cut_short() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\npart";
    let answer = after_a_timeout(SHORT, head).await;
    assert!(answer.ends_with("\r\n\r\npart"), "{answer}");
}

#[tokio::test]
async fn silence_in_a_body_is_cut_by_the_idle_limit() {
    let limits = Limits {
        idle: Some(Duration::from_millis(100)),
        ..NO_LIMITS
    };
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n";
    let answer = after_a_timeout(limits, head).await;
    assert!(answer.ends_with("request timeout\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn response_start_does_not_cut_a_body_that_has_begun() {
    let (listener, upstream) = listen().await;
    let limits = Limits {
        response_start: Some(Duration::from_millis(100)),
        ..NO_LIMITS
    };
    let (proxy, _) = Proxy::start(upstream, 1, limits).await;
    let mut client = Raw::open(proxy).await;
    client.send(GET).await;
    let mut server = accept(&listener).await;
    server.read_until("\r\n\r\n").await;
    server
        .send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npart")
        .await;
    client.read_until("part").await;
    let silence =
        tokio::time::timeout(Duration::from_millis(300), client.read_until("never")).await;
    assert!(silence.is_err());
    server.send("rest").await;
    client.read_until("rest").await;
}

#[tokio::test]
async fn a_drained_server_finishes_what_it_began_and_accepts_nothing_new() {
    let (chunks, receiver) = mpsc::unbounded_channel::<Bytes>();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let (begun, has_begun) = oneshot::channel();
    let begun = std::sync::Mutex::new(Some(begun));
    let slow = App(move |_request: Request<hyper::body::Incoming>| {
        let mut receiver = receiver.lock().unwrap().take().unwrap();
        begun.lock().unwrap().take().unwrap().send(()).unwrap();
        async move {
            let stream = futures::stream::poll_fn(move |cx| {
                receiver
                    .poll_recv(cx)
                    .map(|next| next.map(|b| Ok(http_body::Frame::data(b))))
            });
            Response::new(StreamBody::new(stream).boxed())
        }
    });
    let stop = CancellationToken::new();
    let address = serve(slow, stop.clone()).await;
    let mut client = Raw::open(address).await;
    client.send(GET).await;
    has_begun.await.unwrap();
    stop.cancel();
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    chunks.send(Bytes::from_static(b"late")).unwrap();
    drop(chunks);
    let answer = client.read_to_end().await;
    assert!(answer.ends_with("4\r\nlate\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_a_drain() {
    let stop = CancellationToken::new();
    let app = App(async |_: Request<hyper::body::Incoming>| text_response(StatusCode::OK, "ok"));
    let address = serve(app, stop.clone()).await;
    let mut client = Raw::open(address).await;
    client.send(GET).await;
    client.read_until("ok").await;
    stop.cancel();
    assert_eq!(client.read_to_end().await, "");
}

#[tokio::test]
async fn the_proxy_answers_while_the_client_still_sends() {
    let upstream = app(async |_: Request<hyper::body::Incoming>| {
        text_response(StatusCode::PAYLOAD_TOO_LARGE, "enough")
    })
    .await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client
        .send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nbegin")
        .await;
    assert!(
        client
            .read_until("enough")
            .await
            .starts_with("HTTP/1.1 413 ")
    );
}

#[tokio::test]
async fn half_a_head_is_cut_and_a_silent_connection_is_kept() {
    let handler =
        App(async |_: Request<hyper::body::Incoming>| text_response(StatusCode::OK, "ok"));
    let limits = server::Limits {
        header_timeout: Duration::from_millis(200),
        ..server::Limits::default()
    };
    let address = serve_with(handler, limits, CancellationToken::new()).await;
    let (mut mute, mut half, mut kept) = (
        Raw::open(address).await,
        Raw::open(address).await,
        Raw::open(address).await,
    );
    for raw in [&mut half, &mut kept] {
        raw.send(GET).await;
        raw.read_until("ok").await;
    }
    half.send("GET / HTTP/1.1\r\nHo").await;
    assert_eq!(mute.read_to_end().await, "");
    assert_eq!(half.read_to_end().await, "");
    kept.send(GET).await;
    kept.read_until("ok").await;
}
