//! The gateway on real sockets: client → gateway → toy backends, with objects that the test puts into the caches.
//! Only the API server is missing; one in memory takes the status writes.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test code: a panic is a failure, and tasks end with the test's runtime"
)]

mod headers;
mod loss;
mod protocols;
mod routing;
mod status;
mod tls;
mod toy;
mod world;
