//! Connections that leave HTTP.

use crate::proxy::{NO_LIMITS, Proxy, Raw, accept, listen};

const ASK: &str =
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
const AGREE: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[tokio::test]
async fn an_upgrade_carries_bytes_both_ways_and_holds_its_slot() {
    let (listener, upstream) = listen().await;
    let (proxy, breaker) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client.send(ASK).await;
    let mut server = accept(&listener).await;
    let head = server.read_until("\r\n\r\n").await;
    assert!(
        head.contains("connection: upgrade\r\n") && head.contains("upgrade: WebSocket\r\n"),
        "{head}"
    );
    server.send(AGREE).await;
    let answer = client.read_until("\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 101 ") && answer.contains("upgrade: websocket"),
        "{answer}"
    );

    client.send("ping").await;
    server.read_until("ping").await;
    server.send("pong").await;
    client.read_until("pong").await;
    assert_eq!(breaker.in_flight(), 1);

    drop(server);
    assert_eq!(client.read_to_end().await, "");
    drop(client);
    while breaker.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_side_may_end_before_the_other() {
    use tokio::io::AsyncWriteExt;
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client.send(ASK).await;
    let mut server = accept(&listener).await;
    server.read_until("\r\n\r\n").await;
    server.send(AGREE).await;
    client.read_until("\r\n\r\n").await;
    client.0.shutdown().await.unwrap();
    assert_eq!(server.read_to_end().await, "");
    server.send("still here").await;
    client.read_until("still here").await;
}

#[tokio::test]
async fn a_protocol_nobody_asked_for_is_refused() {
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client.send(ASK).await;
    let mut server = accept(&listener).await;
    server.read_until("\r\n\r\n").await;
    server
        .send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
        .await;
    let answer = client.read_until("was requested\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}

#[tokio::test]
async fn a_refused_upgrade_is_an_ordinary_response() {
    let (listener, upstream) = listen().await;
    let (proxy, _) = Proxy::start(upstream, 1, NO_LIMITS).await;
    let mut client = Raw::open(proxy).await;
    client.send(ASK).await;
    let mut server = accept(&listener).await;
    server.read_until("\r\n\r\n").await;
    server
        .send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        .await;
    assert!(client.read_until("no").await.starts_with("HTTP/1.1 403 "));
}
