//! The endpoint over loopback, as an activator and a kubelet see it.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;

use super::*;
use crate::test_util::{Bench, World, frame};

/// An endpoint that runs until its stop is triggered.
struct Running {
    address: SocketAddr,
    bench: Bench,
    stop: Stop,
    tasks: JoinSet<std::io::Result<()>>,
}

impl Running {
    async fn new() -> Self {
        let bench = Bench::new(&World::at_zero());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::new();
        let mut tasks = JoinSet::new();
        let (ownership, intake) = (bench.ownership.clone(), bench.intake.clone());
        tasks.spawn(run(listener, ownership, intake, stop.clone()));
        Self {
            address,
            bench,
            stop,
            tasks,
        }
    }

    async fn connect(&self, host: &str) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (socket, _) = client_async(format!("ws://{host}/any/path"), stream).await?;
        Ok(socket)
    }

    /// The first line of the answer to a plain request with these lines of header.
    async fn ask(&self, method: &str, lines: &[&str]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut request = format!("{method} /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
        for line in lines {
            request.push_str(line);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    async fn end(mut self) {
        self.stop.trigger();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

fn binary(bytes: Vec<u8>) -> Message {
    Message::Binary(bytes.into())
}

#[tokio::test]
async fn a_stat_wakes_the_revision_and_rubbish_before_it_does_no_harm() {
    let running = Running::new().await;
    let mut socket = running.connect("autoscaler.knative-serving").await.unwrap();
    socket.send(Message::Text("hello".into())).await.unwrap();
    socket.send(binary(vec![0xff; 9])).await.unwrap();
    socket
        .send(binary(frame(1.0).encode_to_vec()))
        .await
        .unwrap();
    socket
        .send(Message::Ping(Bytes::from_static(b"?")))
        .await
        .unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    assert_eq!(answer, Message::Pong(Bytes::from_static(b"?")));
    assert_eq!(running.bench.queue.depth(), 1, "the reconciler is told");
    drop(socket);
    running.end().await;
}

#[tokio::test]
async fn a_shutdown_says_that_it_restarts() {
    let running = Running::new().await;
    let mut socket = running.connect("autoscaler").await.unwrap();
    running.stop.trigger();
    let Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else {
        panic!("no close frame");
    };
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (1012, "Restarting")
    );
    // The library answers the close; then the server's end ends.
    assert!(socket.next().await.is_none_or(|last| last.is_err()));
    running.end().await;
}

#[tokio::test]
async fn kubelet_is_answered_whatever_it_asks() {
    let running = Running::new().await;
    for line in ["User-Agent: kube-probe/1.35", "K-Kubelet-Probe: queue"] {
        assert_eq!(running.ask("GET", &[line]).await, "HTTP/1.1 200 OK");
    }
    running.end().await;
}

#[tokio::test]
async fn what_is_no_handshake_is_refused() {
    let running = Running::new().await;
    let upgrade = ["Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    assert_eq!(
        running.ask("GET", &[]).await,
        "HTTP/1.1 426 Upgrade Required"
    );
    assert_eq!(
        running.ask("POST", &upgrade).await,
        "HTTP/1.1 405 Method Not Allowed"
    );
    assert_eq!(
        running.ask("GET", &upgrade).await,
        "HTTP/1.1 400 Bad Request"
    );
    running.end().await;
}

#[tokio::test]
async fn a_bucket_of_another_replica_is_no_place_to_connect() {
    let running = Running::new().await;
    let own = "autoscaler-bucket-00-of-01.knative-serving.svc";
    let other = "autoscaler-bucket-01-of-02.knative-serving.svc";
    running.connect(own).await.unwrap();
    running.connect(other).await.unwrap_err();
    running.bench.leads.send_replace(false);
    running.connect(own).await.unwrap_err();
    running.connect("autoscaler").await.unwrap();
    running.end().await;
}

#[test]
fn a_browser_on_another_site_is_refused() {
    let headers = |origin: &'static str| {
        let pairs = [
            (HOST, "autoscaler:8080"),
            (UPGRADE, "WebSocket"),
            (CONNECTION, "keep-alive, Upgrade"),
            (SEC_WEBSOCKET_VERSION, "13"),
            (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
            (ORIGIN, origin),
        ];
        let pairs = pairs.into_iter();
        pairs
            .map(|(name, value)| (name, value.parse().unwrap()))
            .collect::<HeaderMap>()
    };
    let accept = handshake(&Method::GET, &headers("http://AUTOSCALER:8080")).unwrap();
    assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let refused = handshake(&Method::GET, &headers("http://elsewhere"));
    assert_eq!(refused, Err(StatusCode::FORBIDDEN));
}
