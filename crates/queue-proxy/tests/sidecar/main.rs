//! The whole sidecar over loopback, between a scripted user container and
//! clients that speak HTTP/1.1 by hand.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on shall panic, and its tasks end with its runtime"
)]

mod drain;
mod pod;
mod probes;
mod requests;
