//! From Ingress objects to a table that a proxy serves from.
//!
//! ```text
//! Ingress ── compile ──► Program ── insert ──► Table ── decide(request) ──► Verdict
//!               │                     ▲
//!            Claims: whose host is it?┘        Service + EndpointSlices ── resolve ──► Addresses
//! ```
//!
//! All of it is values in, values out: no socket, clock or source of random numbers. Addresses are kept apart from
//! the table, because they change far more often: the table only holds handles of backends, of a type that the
//! serving program chooses.

pub mod claims;
pub mod defaults;
pub mod endpoints;
pub mod hash;
pub mod host;
pub mod program;
pub mod split;
pub mod table;
pub mod tls;

#[cfg(test)]
mod tests;
