//! Changes and failures that must not cost a request, and those that must be told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ebb_core::routing::table::Door;
use ebb_gateway::metrics::Metrics;
use ebb_gateway::proxy::Proxy;
use ebb_net::server::{Limits, Server};
use futures::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::toy::Toy;
use crate::world::{Http1, World, name, read, rule, split, to};

/// Sends request after request until told to stop; returns how many, and the first that failed.
async fn hammer(address: std::net::SocketAddr, stop: Arc<AtomicBool>) -> (u32, Option<String>) {
    let mut client = Http1::to(address).await;
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let (status, body) = client.get("a.example.com", "/").await;
        sent += 1;
        if status != StatusCode::OK {
            return (sent, Some(format!("{status} {body}")));
        }
    }
    (sent, None)
}

#[tokio::test]
async fn updates_lose_nothing_and_are_in_force_when_they_are_told() {
    let world = World::start().await;
    let mut toy = Toy::start("g").await;
    world.service("s1", "http", &[toy.address]);
    world.ingress("i", 1, to("a.example.com", "s1"));
    world.served("i", 1).await;
    let stop = Arc::new(AtomicBool::new(false));
    let hammers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(hammer(world.public(), stop.clone())))
        .collect();
    let mut client = Http1::to(world.public()).await;
    for generation in 2..=20 {
        // A new Service each time, and the old backend goes as soon as the new one is served.
        let next = Toy::start("g").await;
        let service = format!("s{generation}");
        world.service(&service, "http", &[next.address]);
        let mut rule = rule("a.example.com", &[split(&service, 100)]);
        rule["http"]["paths"][0]["appendHeaders"] = json!({ "generation": generation.to_string() });
        world.ingress("i", generation, json!({ "rules": [rule] }));
        world.served("i", generation).await;
        let (_, body) = client.get("a.example.com", "/").await;
        assert!(
            body.contains(&format!(r#""generation":["{generation}"]"#)),
            "{body}"
        );
        toy = next;
    }
    stop.store(true, Ordering::Relaxed);
    for hammer in hammers {
        let (sent, failure) = hammer.await.unwrap();
        assert_eq!(failure, None, "after {sent}");
        assert!(sent > 20, "{sent}");
    }
    drop(toy);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_passed_over_whatever_the_method() {
    let (world, toy) = (World::start().await, Toy::start("alive").await);
    let dead = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    world.service("s", "http", &[toy.address, dead]);
    world.route("a.example.com", "s").await;
    let mut client = Http1::to(world.public()).await;
    for _ in 0..50 {
        let body = Full::new(Bytes::from_static(b"precious"));
        let request = Request::post("/echo")
            .header("host", "a.example.com")
            .body(body);
        let (status, body) = read(client.send(request.unwrap()).await).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "precious"));
    }
}

#[tokio::test]
async fn a_request_waits_for_a_backend_that_comes_back() {
    let (world, toy) = (World::start().await, Toy::start("first").await);
    world.service("s", "http", &[toy.address]);
    world.route("a.example.com", "s").await;
    let address = world.public();
    // All addresses are taken away: the request is held and gets the one that comes.
    world.service("s", "http", &[]);
    let waiting =
        tokio::spawn(async move { Http1::to(address).await.get("a.example.com", "/").await });
    tokio::task::yield_now().await;
    let second = Toy::start("second").await;
    world.service("s", "http", &[second.address]);
    let (status, body) = waiting.await.unwrap();
    assert_eq!((status, name(&body).as_str()), (StatusCode::OK, "second"));
    // The only address refuses for a moment, as a container does that is started again.
    let revived = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = revived.local_addr().unwrap();
    drop(revived);
    world.service("s", "http", &[gone]);
    let waiting =
        tokio::spawn(async move { Http1::to(address).await.get("a.example.com", "/").await });
    tokio::task::yield_now().await;
    world.service("s", "http", &[second.address]);
    assert_eq!(waiting.await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_is_never_asked_for_twice() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http2", &[toy.address]);
    world.route("a.example.com", "s").await;
    let mut client = Http1::to(world.public()).await;
    assert_eq!(
        client.get("a.example.com", "/fails-first").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(toy.requests.load(Ordering::Relaxed), 1);
    assert_eq!(
        client.get("a.example.com", "/fails-first").await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn before_the_table_is_loaded_nobody_is_told_404() {
    let (loaded, known) = watch::channel(false);
    let proxy = Proxy::new(Door::Public, Arc::default(), known, Metrics::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(Arc::new(proxy), &Limits::default());
    tokio::spawn(server.run(listener, std::future::pending()));
    let mut client = Http1::to(address).await;
    let mut asked = std::pin::pin!(client.get("a.example.com", "/"));
    // Long enough for an answer, if there were one.
    assert!(
        timeout(Duration::from_millis(100), &mut asked)
            .await
            .is_err()
    );
    loaded.send_replace(true);
    assert_eq!(asked.await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_leaves_goes_on_serving_until_the_last_connection_has_ended() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http", &[toy.address]);
    world.route("a.example.com", "s").await;
    let address = world.public();
    let mut probe = Http1::to(SocketAddr::from(([127, 0, 0, 1], world.ports.admin))).await;
    assert_eq!(probe.get("probe", "/readiness").await.0, StatusCode::OK);
    let stream = TcpStream::connect(address).await.unwrap();
    let url = "ws://a.example.com/socket";
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();

    world.leave();
    // Not ready any more, but it serves, and its table follows the objects.
    let mut status = StatusCode::OK;
    while status == StatusCode::OK {
        status = probe.get("probe", "/readiness").await.0;
    }
    let next = Toy::start("next").await;
    world.service("t", "http", &[next.address]);
    world.route("b.example.com", "t").await;
    let mut last = Http1::to(address).await;
    let answer = last.open("b.example.com", "/").await;
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(name(&read(answer).await.1), "next");

    // Then it accepts nothing, and the socket goes on for as long as the client wishes.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    socket.send("still here?".into()).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap().to_text().unwrap(),
        "a: still here?"
    );
    assert!(!world.running.is_finished());
    socket.close(None).await.unwrap();
    drop(socket);
    world.running.await.unwrap();
}
