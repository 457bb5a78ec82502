//! The pure part of Ebb: types, configuration, names and decisions.
//!
//! Values go in, values come out. There is no socket, clock, environment or Kubernetes client in
//! this crate or anything it depends on.

pub mod api;
pub mod names;
pub mod routing;
pub mod stat;
pub mod subset;
pub mod template;
pub mod traffic;
pub mod scale;
