//! A bidirectional stream in the manner of gRPC: data comes back while more of it is still being sent, and the
//! verdict follows in trailers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, TRAILER};
use hyper::{HeaderMap, Request, Response};

use crate::gauge::InWork;
use crate::{App, Body};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const ECHOED_BYTES: HeaderName = HeaderName::from_static("x-echoed-bytes");

/// Gives each piece of the request's body back as it arrives.
pub(crate) fn echo(app: &App, request: Request<Incoming>) -> Response<Body> {
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .cloned()
        .unwrap_or(HeaderValue::from_static("application/grpc"));
    let echo = Echo {
        request: request.into_body(),
        bytes: 0,
        ended: false,
        _in_work: app.gauge.enter(),
    };
    let mut response = Response::new(echo.boxed());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    // HTTP/1.1 sends only trailers that were announced; HTTP/2 does not care.
    response.headers_mut().insert(
        TRAILER,
        HeaderValue::from_static("grpc-status, x-echoed-bytes"),
    );
    response
}

/// The request's data, then trailers of our own.
struct Echo {
    request: Incoming,
    bytes: u64,
    ended: bool,
    _in_work: InWork,
}

impl hyper::body::Body for Echo {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match ready!(Pin::new(&mut self.request).poll_frame(cx)) {
            Some(Err(error)) => {
                self.ended = true;
                Poll::Ready(Some(Err(error)))
            }
            Some(Ok(frame)) if frame.is_data() => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                Poll::Ready(Some(Ok(frame)))
            }
            // The end, or the client's own trailers, after which nothing can come.
            _ => {
                self.ended = true;
                let mut trailers = HeaderMap::new();
                trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
                trailers.insert(ECHOED_BYTES, HeaderValue::from(self.bytes));
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
        }
    }
}
