//! HTTP/1.1, HTTP/2, trailers, streams and WebSocket.

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http::Request;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::toy::Toy;
use crate::world::{Http1, Http2, World, told};

#[tokio::test]
async fn the_port_name_decides_what_the_backend_is_spoken_to_in() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("one", "http", &[toy.address]);
    world.service("two", "http2", &[toy.address]);
    world.route("one.example.com", "one").await;
    world.route("two.example.com", "two").await;
    let (mut http1, mut http2) = (
        Http1::to(world.public()).await,
        Http2::to(world.public()).await,
    );
    assert_eq!(
        told(http1.open("one.example.com", "/").await).await["version"],
        "HTTP/1.1"
    );
    assert_eq!(
        told(http1.open("two.example.com", "/").await).await["version"],
        "HTTP/2.0"
    );
    assert!(
        http2
            .get("one.example.com", "/")
            .await
            .1
            .contains("HTTP/1.1")
    );
    // An offer to go on in HTTP/2 is not taken up, and does not change what the backend is spoken to in.
    let offer = Request::get("/")
        .header("host", "two.example.com")
        .header("connection", "upgrade, http2-settings")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA")
        .body(http_body_util::Full::default());
    assert_eq!(
        told(http1.send(offer.unwrap()).await).await["version"],
        "HTTP/2.0"
    );
    let (_, body) = http2.get("two.example.com", "/").await;
    assert!(
        body.contains("HTTP/2.0") && body.contains(r#""host":"two.example.com""#),
        "{body}"
    );
}

#[tokio::test]
async fn a_stream_goes_both_ways_at_once_and_ends_with_trailers() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http2", &[toy.address]);
    world.route("a.example.com", "s").await;
    let stream = TcpStream::connect(world.public()).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let (messages, body) = mpsc::channel::<Result<Frame<Bytes>, std::convert::Infallible>>(1);
    let request = Request::post("http://a.example.com/echo")
        .header("te", "trailers")
        .body(StreamBody::new(ReceiverStream::new(body)));
    let response = sender.send_request(request.unwrap()).await.unwrap();
    let mut answers = response.into_body();
    for round in 0..100 {
        let message = format!("message {round}");
        messages
            .send(Ok(Frame::data(message.clone().into())))
            .await
            .unwrap();
        let answer = answers.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(answer, message.as_bytes());
    }
    drop(messages);
    let trailers = answers
        .frame()
        .await
        .unwrap()
        .unwrap()
        .into_trailers()
        .unwrap();
    assert_eq!(trailers["x-sum"], "42");
}

#[tokio::test]
async fn a_websocket_passes_whatever_the_port_is_called() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    for port in ["http", "http2"] {
        world.service(port, port, &[toy.address]);
        let host = format!("{port}.example.com");
        world.route(&host, port).await;
        let stream = TcpStream::connect(world.public()).await.unwrap();
        let url = format!("ws://{host}/socket");
        let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        for round in 0..100 {
            socket.send(format!("{round}").into()).await.unwrap();
            let answer = socket.next().await.unwrap().unwrap();
            assert_eq!(answer.to_text().unwrap(), format!("a: {round}"));
        }
    }
}

#[tokio::test]
async fn trailers_of_http1_pass() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http", &[toy.address]);
    world.route("a.example.com", "s").await;
    let request = Request::post("/echo")
        .header("host", "a.example.com")
        .header("te", "trailers")
        .header("connection", "te")
        .body(http_body_util::Full::new(Bytes::from_static(b"all of it")));
    let response = Http1::to(world.public()).await.send(request.unwrap()).await;
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "42");
    assert_eq!(body.to_bytes(), "all of it");
}
