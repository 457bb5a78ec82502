//! The pure part of Ebb: types, configuration, names and decisions.
//!
//! Values go in, values come out. There is no socket, clock, environment or Kubernetes client in
//! this crate or anything it depends on.

pub mod admission;
pub mod api;
pub mod config;
pub mod crd;
pub mod go;
pub mod json;
pub mod meta;
pub mod names;
pub mod plan;
pub mod quantity;
pub mod routing;
pub mod scale;
pub mod stat;
pub mod subset;
pub mod syntax;
pub mod template;
pub mod throttle;
pub mod traffic;
