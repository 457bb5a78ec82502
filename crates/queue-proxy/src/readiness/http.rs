//! The HTTP probe: a GET on a connection of its own.
//!
//! With detection switched on, HTTP/2 is tried first and HTTP/1.1 where that
//! fails, each time anew: the container may have been replaced. Redirects within
//! the container are followed; one that leads elsewhere counts as success, as
//! the kubelet has it, because names cannot be resolved here.

use std::net::SocketAddr;

use bytes::Bytes;
use ebb_net::client::Protocol;
use http::header::{HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version};

use super::Failed;
use super::check::ask;

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
            let plain = self.request(&self.target, Protocol::H2c, false);
            let speaks_http2 = ask(self.address, Protocol::H2c, plain)
                .await
                .is_ok_and(|answer| passes(answer.status()));
            if speaks_http2 {
                return self.follow(Protocol::H2c).await;
            }
        }
        self.follow(Protocol::Http1).await
    }

    async fn follow(&self, protocol: Protocol) -> Result<(), Failed> {
        let mut target = self.target.clone();
        for _ in 0..=MAX_REDIRECTS {
            let answer = ask(
                self.address,
                protocol,
                self.request(&target, protocol, true),
            )
            .await?;
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

    fn request(&self, target: &Uri, protocol: Protocol, configured: bool) -> Request<Bytes> {
        let mut request = Request::new(Bytes::new());
        if configured {
            *request.headers_mut() = self.headers.clone();
        }
        request.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        let host = self.address.to_string();
        if protocol == Protocol::H2c {
            *request.version_mut() = Version::HTTP_2;
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
}

fn passes(status: StatusCode) -> bool {
    (200..400).contains(&status.as_u16())
}
