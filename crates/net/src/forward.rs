//! The reverse proxy: one request to one upstream and its response back.
//!
//! ```text
//!  Outbound::new ── heads rewritten once ──► Outbound::send(upstream) ─┬► Reply::into_response
//!                                              ▲                       │
//!                                              └── unsent: try another ┘
//! ```
//!
//! The proxy never repeats what an upstream may have seen; the caller may send
//! what came back unsent somewhere else. Bodies, trailers included, stream both
//! ways at the same time. A client that leaves drops the exchange, and with it
//! the upstream's connection or stream.
//!
//! Informational responses are not passed on, other than `100 Continue`, which
//! reaches the client when the upstream asks for the body: hyper's server has no
//! way to send them.

use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use crate::body::Body;
use crate::client::{Error, Failure, Lease, Protocol, Upstream};
use crate::headers;
use crate::request_body::RequestBody;
use crate::respond;
use crate::server::Peer;
use crate::timeout::Clock;
use crate::upgrade;

const CONNECTION_UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");

/// A request rewritten for the next hop.
#[derive(Debug)]
pub struct Outbound {
    request: Request<RequestBody>,
    protocol: Protocol,
    upgrade: Option<Box<Upgrade>>,
}

/// An upstream's response whose body has not been read.
#[derive(Debug)]
pub struct Reply {
    response: Response<Incoming>,
    lease: Lease,
    upgrade: Option<Box<Upgrade>>,
}

/// The client's wish to leave HTTP.
#[derive(Debug)]
struct Upgrade {
    asked: HeaderValue,
    client: OnUpgrade,
}

// === impl Outbound ===

impl Outbound {
    /// Rewrites `request` for the next hop, in the protocol it came in.
    pub fn new(request: Request<Incoming>, peer: &Peer) -> Self {
        let protocol = match request.version() {
            Version::HTTP_2 => Protocol::H2c,
            _ => Protocol::Http1,
        };
        Self::with_protocol(request, peer, protocol)
    }

    /// Rewrites `request` for a next hop that speaks `protocol`.
    pub fn with_protocol(mut request: Request<Incoming>, peer: &Peer, protocol: Protocol) -> Self {
        let upgrade = match protocol {
            Protocol::Http1 => headers::requested_upgrade(&request),
            Protocol::H2c => None,
        };
        let upgrade = upgrade.map(|asked| {
            let client = hyper::upgrade::on(&mut request);
            Box::new(Upgrade { asked, client })
        });
        let (mut parts, body) = request.into_parts();
        headers::strip_hop_by_hop(&mut parts.headers);
        headers::append_forwarded_for(&mut parts.headers, peer.forwarded_for());
        if let Some(upgrade) = &upgrade {
            parts.headers.insert(CONNECTION, CONNECTION_UPGRADE);
            parts.headers.insert(UPGRADE, upgrade.asked.clone());
        }
        match protocol {
            Protocol::Http1 => headers::to_origin_form(&mut parts),
            Protocol::H2c => headers::to_absolute_form(&mut parts),
        }
        Self {
            request: RequestBody::of(Request::from_parts(parts, body)),
            protocol,
            upgrade,
        }
    }

    /// The head that will be sent.
    pub fn headers_mut(&mut self) -> &mut http::HeaderMap {
        self.request.headers_mut()
    }

    /// Makes `host` the host that the upstream sees.
    pub fn set_host(&mut self, host: &HeaderValue) {
        headers::set_host(&mut self.request, host);
    }

    /// Sends the request and waits for the head of the response. Dropping the
    /// future cancels the exchange.
    ///
    /// # Errors
    /// See [`Error`]; [`Failure::unsent`] holds the request if the upstream cannot
    /// have seen any of it.
    pub async fn send(self, upstream: &Arc<Upstream>) -> Result<Reply, Failure<Self>> {
        let Self {
            request,
            protocol,
            upgrade,
        } = self;
        let exchange = match protocol {
            Protocol::Http1 => upstream.send_http1(request).await,
            Protocol::H2c => Box::pin(upstream.send_http2(request)).await,
        };
        match exchange {
            Ok((response, lease)) => Ok(Reply {
                response,
                lease,
                upgrade,
            }),
            Err(failure) => Err(failure.map(|request| Self {
                request,
                protocol,
                upgrade,
            })),
        }
    }
}

// === impl Reply ===

impl Reply {
    /// The status that the upstream answered.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The response for the client. `guard` is dropped, and `clock` stops, when
    /// the body or the upgraded connection has ended.
    pub fn into_response<G>(self, clock: Option<Clock>, guard: G) -> Response<Body<G>>
    where
        G: Send + 'static,
    {
        let Self {
            response,
            lease,
            upgrade,
        } = self;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return switch(response, upgrade, clock, guard);
        }
        let (mut parts, body) = response.into_parts();
        headers::strip_hop_by_hop(&mut parts.headers);
        parts.extensions.clear();
        Response::from_parts(parts, Body::streamed(body, lease, clock, guard))
    }
}

/// The answer when there is no response from the upstream: 502 with the cause.
pub fn bad_gateway<G>(error: &Error) -> Response<Body<G>> {
    respond::error(StatusCode::BAD_GATEWAY, &error.to_string())
}

fn switch<G>(
    mut response: Response<Incoming>,
    upgrade: Option<Box<Upgrade>>,
    clock: Option<Clock>,
    guard: G,
) -> Response<Body<G>>
where
    G: Send + 'static,
{
    let got = response.headers().get(UPGRADE).cloned();
    let (got, upgrade) = match (got, upgrade) {
        (Some(got), Some(upgrade))
            if got
                .as_bytes()
                .eq_ignore_ascii_case(upgrade.asked.as_bytes()) =>
        {
            (got, upgrade)
        }
        (got, upgrade) => {
            let text = |value: Option<HeaderValue>| {
                value.map_or_else(String::new, |v| {
                    String::from_utf8_lossy(v.as_bytes()).into()
                })
            };
            let asked = text(upgrade.map(|upgrade| upgrade.asked));
            return bad_gateway(&Error::WrongUpgrade {
                asked,
                got: text(got),
            });
        }
    };
    let upstream = hyper::upgrade::on(&mut response);
    let idle = clock.and_then(|clock| clock.idle());
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with the connection that it carries"
    )]
    tokio::spawn(upgrade::join(upgrade.client, upstream, idle, guard));
    let (mut parts, _) = response.into_parts();
    headers::strip_hop_by_hop(&mut parts.headers);
    parts.headers.insert(CONNECTION, CONNECTION_UPGRADE);
    parts.headers.insert(UPGRADE, got);
    Response::from_parts(parts, Body::empty())
}
