//! The duties of a proxy, over loopback with real HTTP at both ends:
//! client → server → forward → upstream.

mod exchange;
mod lifetime;
mod proxy;
mod upgrade;
