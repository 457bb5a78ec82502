//! The duties of a proxy, over loopback with real HTTP at both ends:
//! client → server → forward → upstream.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on shall panic, and its tasks end with its runtime"
)]

mod exchange;
mod lifetime;
mod proxy;
mod upgrade;
