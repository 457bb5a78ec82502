//! How an activator shares pods with the other activators, and which pod gets the next request.
//!
//! ```text
//!  healthy pods ──► assign ──► the pods this activator uses ──► policy ──► one of them
//!  activators  ──┘                └──► capacity: requests it lets through at once
//! ```
//!
//! Arithmetic only: who is healthy, who waits and who is woken is the activator's business.

mod assign;
mod capacity;
mod policy;

pub use self::assign::{Seat, assigned};
pub use self::capacity::{Backends, UNLIMITED, capacity};
pub use self::policy::Policy;
