//! What is more than one question and one answer, through all of gateway, activator and queue-proxy.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use ebb_e2e::service::host;
use ebb_e2e::{Ksvc, Stage, play};
use futures::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use kube::api::DynamicObject;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

/// How often something goes there and back.
const ROUNDS: usize = 50;

/// A service with the activator in its way for good.
async fn behind_the_activator(stage: &Stage, port: &str) -> Result<DynamicObject> {
    let service = Ksvc::new("echo", &stage.cluster.autoscale)
        .container("ports", json!([{"name": port, "containerPort": 8080}]))
        .scaling("target-burst-capacity", -1);
    stage.deploy(&service).await
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn a_websocket_carries_messages_both_ways() {
    play("websocket", async |stage| {
        let service = behind_the_activator(stage, "http1").await?;
        let mut socket = stage
            .cluster
            .gateway
            .websocket(&host(&service)?, "/")
            .await?;
        for round in 0..ROUNDS {
            let sent = Message::text(format!("message {round}"));
            socket.send(sent.clone()).await?;
            let echoed = socket.next().await.context("the socket was closed")??;
            ensure!(echoed == sent, "sent {sent}, got {echoed}");
        }
        let large = Message::binary(vec![7_u8; 1 << 20]);
        socket.send(large.clone()).await?;
        let echoed = socket.next().await.context("the socket was closed")??;
        ensure!(echoed == large, "a large message came back changed");
        socket.close(None).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn an_h2c_stream_goes_both_ways_and_ends_with_trailers() {
    play("h2c", async |stage| {
        let service = behind_the_activator(stage, "h2c").await?;
        let host = host(&service)?;
        let (mut pieces, body) = futures::channel::mpsc::channel(1);
        let body = StreamBody::new(body.map(|piece: Bytes| Ok(Frame::data(piece))));
        let request = Request::post(format!("http://{host}/stream"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(BodyExt::boxed(body))?;
        let mut connection = stage.cluster.gateway.connect_h2().await?;
        let answer = connection.send(request).await?;
        ensure!(answer.status() == 200, "{}", answer.status());

        let mut answer = answer.into_body();
        let mut total = 0;
        for round in 0..ROUNDS {
            let piece = Bytes::from(format!("piece {round}"));
            total += piece.len();
            pieces.send(piece.clone()).await?;
            // One piece is answered before the next is sent: nobody on the way may wait for the end.
            let frame = answer.frame().await.context("the stream ended early")??;
            ensure!(frame.data_ref() == Some(&piece), "{frame:?}");
        }
        drop(pieces);
        let trailers = loop {
            let frame = answer.frame().await.context("there were no trailers")??;
            match frame.into_trailers() {
                Ok(trailers) => break trailers,
                Err(frame) => ensure!(
                    frame.data_ref().is_some_and(Bytes::is_empty),
                    "more came back than was sent"
                ),
            }
        };
        ensure!(trailers["grpc-status"] == "0", "{trailers:?}");
        ensure!(trailers["x-echoed-bytes"] == total.to_string().as_str());
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn the_application_learns_who_asked_and_how() {
    play("headers", async |stage| {
        for (name, port, protocol) in [("one", "http1", "HTTP/1.1"), ("two", "h2c", "HTTP/2.0")] {
            let service = Ksvc::new(name, &stage.cluster.autoscale)
                .container("ports", json!([{"name": port, "containerPort": 8801}]));
            let service = stage.deploy(&service).await?;
            let host = host(&service)?;
            let seen = stage.cluster.gateway.ok(&host, "/headers").await?.json()?;
            // The client speaks HTTP/1.1 to the gateway both times.
            ensure!(seen["protocol"] == protocol, "{seen}");
            ensure!(
                seen["headers"]["x-forwarded-proto"] == json!(["http"]),
                "{seen}"
            );
            let forwarded = seen["headers"]["x-forwarded-for"][0]
                .as_str()
                .context("no X-Forwarded-For")?;
            ensure!(
                forwarded
                    .split(',')
                    .all(|one| one.trim().parse::<std::net::IpAddr>().is_ok()),
                "X-Forwarded-For is {forwarded}"
            );
            ensure!(
                seen["environment"]
                    == json!({
                        "PORT": "8801",
                        "K_SERVICE": name,
                        "K_CONFIGURATION": name,
                        "K_REVISION": format!("{name}-00001"),
                    }),
                "{seen}"
            );
        }
        Ok(())
    })
    .await;
}
