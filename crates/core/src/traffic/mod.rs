//! Where a Route's requests go.

pub mod rollout;
