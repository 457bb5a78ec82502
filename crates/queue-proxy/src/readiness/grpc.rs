//! The gRPC probe: `grpc.health.v1.Health/Check` over cleartext HTTP/2.
//!
//! One unary call needs five bytes of framing and two messages; that is all of
//! gRPC in here.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use ebb_net::body::Body;
use ebb_net::client::Protocol;
use http::{Request, Response};
use http_body_util::BodyExt;
use prost::Message;

use super::Failed;
use super::check::ask;

/// The health service must say that `service` is serving; empty is the server as
/// a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub(super) address: SocketAddr,
    pub(super) service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

const SERVING: i32 = 1;

/// A flag (not compressed) and the length of the message that follows.
const FRAME_HEADER: usize = 5;

impl Health {
    pub(super) async fn run(&self) -> Result<(), Failed> {
        let answer = ask(self.address, Protocol::H2c, self.request()).await?;
        match read(answer).await {
            Ok(SERVING) => Ok(()),
            Ok(status) => Err(Failed::Unhealthy(format!(
                "service is not serving: status {status}"
            ))),
            Err(why) => Err(Failed::Unhealthy(why)),
        }
    }

    fn request(&self) -> Request<Bytes> {
        let message = HealthCheckRequest {
            service: self.service.clone(),
        };
        let mut frame = BytesMut::with_capacity(FRAME_HEADER + message.encoded_len());
        frame.put_u8(0);
        frame.put_u32(message.encoded_len() as u32);
        message.encode(&mut frame).expect("the buffer grows");
        Request::post(format!(
            "http://{}/grpc.health.v1.Health/Check",
            self.address
        ))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/")
        .body(frame.freeze())
        .expect("made of valid parts")
    }
}

/// The status in the answer, or why there is none.
async fn read(answer: Response<Body>) -> Result<i32, String> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(|cause| cause.to_string())?;
    let code = body
        .trailers()
        .or(Some(&head.headers))
        .and_then(|map| map.get("grpc-status"));
    if let Some(code) = code.filter(|code| *code != "0") {
        return Err(format!(
            "the health service answered with gRPC status {code:?}"
        ));
    }
    let bytes = body.to_bytes();
    HealthCheckResponse::decode(bytes.get(FRAME_HEADER..).unwrap_or_default())
        .map(|response| response.status)
        .map_err(|cause| format!("the health service's answer cannot be read: {cause}"))
}
