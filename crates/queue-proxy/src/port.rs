//! The ports as one handler, so that hyper's server is compiled once and the
//! sidecar stays small.

use std::sync::Arc;

use ebb_net::body::Body;
use ebb_net::server::{Handler, Peer};
use ebb_process::metrics::Exposition;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::admin::{self, DrainHook};
use crate::proxy::{Held, Proxy};
use crate::statistics::Statistics;

/// What answers on a port.
#[derive(Debug)]
pub(crate) enum Port {
    /// Requests and probes.
    Requests(Proxy),
    /// The preStop hook of the user containers.
    Admin(DrainHook),
    /// What the autoscaler reads.
    Statistics(Arc<Statistics>),
    /// What Prometheus reads.
    Metrics(Exposition),
}

impl Handler for Port {
    type Body = Body<Held>;

    async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<Body<Held>> {
        match self {
            Self::Requests(proxy) => proxy.handle(request, peer).await,
            Self::Admin(hook) => hook.answer(&request).await,
            Self::Statistics(statistics) => admin::statistics(statistics, &request),
            Self::Metrics(metrics) => admin::scrape(metrics, &request),
        }
    }
}
