//! The HTTP probe: a GET on a connection of its own.
//!
//! With detection switched on, HTTP/2 is tried first and HTTP/1.1 where that
//! fails, each time anew: the container may have been replaced. Redirects within
//! the container are followed; one that leads elsewhere counts as success, as
//! the kubelet has it, because names cannot be resolved here.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::Failed;
use super::check::connect;

/// The user agent of a kubelet without version numbers, which is what
/// containers of the original see.
const AGENT: HeaderValue = HeaderValue::from_static("kube-probe//");

/// Go's clients give up at the eleventh request.
const MAX_REDIRECTS: usize = 10;

/// A GET that must be answered with 200 to 399.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Get {
    pub(super) address: SocketAddr,
    /// Path and query.
    pub(super) target: Uri,
    pub(super) headers: HeaderMap,
    pub(super) detect_http2: bool,
}

impl Get {
    pub(super) async fn run(&self) -> Result<(), Failed> {
        if self.detect_http2 {
            let plain = self.request(&self.target, Version::HTTP_2, false);
            let speaks_http2 = self
                .exchange(plain)
                .await
                .is_ok_and(|answer| passes(answer.status()));
            if speaks_http2 {
                return self.follow(Version::HTTP_2).await;
            }
        }
        self.follow(Version::HTTP_11).await
    }

    async fn follow(&self, version: Version) -> Result<(), Failed> {
        let mut target = self.target.clone();
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.exchange(self.request(&target, version, true)).await?;
            let status = answer.status();
            if !passes(status) {
                return Err(Failed::Unhealthy(format!(
                    "answered with status {}",
                    status.as_u16()
                )));
            }
            match answer
                .headers()
                .get(LOCATION)
                .filter(|_| status.is_redirection())
            {
                Some(location) => match self.within(location) {
                    Some(next) => target = next,
                    None => return Ok(()),
                },
                None => return Ok(()),
            }
        }
        Err(Failed::Unhealthy("redirected too often".into()))
    }

    /// The path a redirect leads to, if that is in the container probed.
    fn within(&self, location: &HeaderValue) -> Option<Uri> {
        let to: Uri = location.to_str().ok()?.parse().ok()?;
        let here = to
            .authority()
            .is_none_or(|authority| authority.as_str() == self.address.to_string());
        let path = to.path_and_query()?.clone();
        (here && path.path().starts_with('/')).then(|| Uri::from(path))
    }

    fn request(&self, target: &Uri, version: Version, configured: bool) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.version_mut() = version;
        if configured {
            *request.headers_mut() = self.headers.clone();
        }
        request.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        let host = self.address.to_string();
        if version == Version::HTTP_2 {
            let absolute = Uri::builder()
                .scheme("http")
                .authority(host)
                .path_and_query(target.path_and_query().map_or("/", |path| path.as_str()));
            *request.uri_mut() = absolute.build().expect("made of valid parts");
        } else {
            *request.uri_mut() = target.clone();
            let host = HeaderValue::from_str(&host).expect("an address is a header value");
            request.headers_mut().insert(HOST, host);
        }
        request
    }

    async fn exchange(&self, request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, Failed> {
        let io = TokioIo::new(connect(self.address).await?);
        // The connection is driven here and dropped with the answer's head read.
        if request.version() == Version::HTTP_2 {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            drive(sender.send_request(request), connection).await
        } else {
            let (mut sender, connection) = http1::handshake(io).await?;
            drive(sender.send_request(request), connection).await
        }
    }
}

pub(super) fn passes(status: StatusCode) -> bool {
    (200..400).contains(&status.as_u16())
}

/// Waits for the answer while the connection works for it.
pub(super) async fn drive<T>(
    answer: impl Future<Output = Result<T, hyper::Error>>,
    connection: impl Future<Output = Result<(), hyper::Error>>,
) -> Result<T, Failed> {
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => Ok(answer?),
        ended = connection => {
            ended?;
            Ok(answer.await?)
        }
    }
}
