//! Answers that a proxy makes itself, in the form clients of the Go
//! implementation know: plain text, a final newline, sniffing switched off.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};

use crate::body::Body;

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// An answer without a body.
pub fn empty<G>(status: StatusCode) -> Response<Body<G>> {
    with_body(status, Body::empty())
}

/// A body sent as it is, without a content type: what probes are answered with.
pub fn bare<G>(status: StatusCode, body: impl Into<Bytes>) -> Response<Body<G>> {
    with_body(status, Body::local(body.into()))
}

/// The error body of Go's standard helper: the message and a newline.
pub fn error<G>(status: StatusCode, message: &str) -> Response<Body<G>> {
    let mut line = String::with_capacity(message.len() + 1);
    line.push_str(message);
    line.push('\n');
    let mut response = with_body(status, Body::local(line.into()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, PLAIN_TEXT);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

/// 504 with the timer's message. Unlike [`error`] it has no final newline,
/// because the same text is also appended to bodies that have begun.
pub fn timed_out<G>(message: &'static str) -> Response<Body<G>> {
    let mut response = with_body(
        StatusCode::GATEWAY_TIMEOUT,
        Body::local(Bytes::from_static(message.as_bytes())),
    );
    response.headers_mut().insert(CONTENT_TYPE, PLAIN_TEXT);
    response
}

fn with_body<G>(status: StatusCode, body: Body<G>) -> Response<Body<G>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(response: Response<Body<()>>) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_error_ends_with_a_newline_and_forbids_sniffing() {
        let response = error(StatusCode::SERVICE_UNAVAILABLE, "shutting down");
        assert_eq!(
            response.headers()[CONTENT_TYPE],
            "text/plain; charset=utf-8"
        );
        assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(text(response).await, "shutting down\n");
    }

    #[tokio::test]
    async fn a_timeout_has_no_newline() {
        let response = timed_out("request timeout");
        assert_eq!(response.status(), 504);
        assert_eq!(text(response).await, "request timeout");
    }
}
