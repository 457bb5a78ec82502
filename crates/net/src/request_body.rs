//! The body of a request on its way to an upstream.
//!
//! With `Expect: 100-continue` the body stays where it is until the upstream
//! asks for it: the first read of an inbound body is what makes the server send
//! `100 Continue` to its client, so a body that is not read is not sent. An
//! upstream that says nothing for a second is assumed not to know the header.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::EXPECT;
use http::{Request, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long an upstream may take to ask for the body.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is sent to an upstream: nothing, bytes made here, or the body of the
/// request being passed on. One type for all, so that hyper's client is compiled
/// once.
#[derive(Debug)]
pub(crate) struct RequestBody(Kind);

enum Kind {
    Empty,
    Bytes(Bytes),
    Incoming(Incoming),
    /// Boxed because it is rare and larger than the others.
    Expected(Box<Expected>),
}

struct Expected {
    asked: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    body: Incoming,
}

// === impl RequestBody ===

impl RequestBody {
    /// No body, as most probes have.
    pub(crate) fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// Bytes made here.
    pub(crate) fn bytes(bytes: Bytes) -> Self {
        Self(if bytes.is_empty() {
            Kind::Empty
        } else {
            Kind::Bytes(bytes)
        })
    }

    /// The body of `request`, held back until the upstream asks for it if its
    /// client is prepared to wait.
    pub(crate) fn of(mut request: Request<Incoming>) -> Request<Self> {
        let waits = request.version() == Version::HTTP_11
            && request
                .headers()
                .get(EXPECT)
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        if !waits {
            return request.map(|body| {
                Self(if body.is_end_stream() {
                    Kind::Empty
                } else {
                    Kind::Incoming(body)
                })
            });
        }
        let asked = Arc::new(Notify::new());
        let hear = Arc::clone(&asked);
        hyper::ext::on_informational(&mut request, move |response| {
            if response.status() == StatusCode::CONTINUE {
                hear.notify_one();
            }
        });
        let asked = Box::pin(async move {
            // Either way the body may go now.
            let _ = timeout(PATIENCE, asked.notified()).await;
        });
        request.map(|body| Self(Kind::Expected(Box::new(Expected { asked, body }))))
    }

    /// Whether there is nothing to send, so that the request could be repeated.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Bytes(_) => "Bytes",
            Self::Incoming(_) => "Incoming",
            Self::Expected(_) => "Expected",
        })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Kind::Expected(expected) = &mut self.0 {
            ready!(expected.asked.as_mut().poll(cx));
            let Kind::Expected(expected) = std::mem::replace(&mut self.0, Kind::Empty) else {
                unreachable!("matched above")
            };
            self.0 = Kind::Incoming(expected.body);
        }
        match &mut self.0 {
            Kind::Incoming(body) => Pin::new(body).poll_frame(cx),
            Kind::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Bytes(_) => false,
            Kind::Incoming(body) => body.is_end_stream(),
            Kind::Expected(expected) => expected.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(body) => body.size_hint(),
            Kind::Expected(expected) => expected.body.size_hint(),
        }
    }
}
