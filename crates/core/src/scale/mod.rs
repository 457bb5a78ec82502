//! How many pods a revision should have, and why.
//!
//! ```text
//! stat ─► Collection (windows) ─► Decider (decide, delay) ─► kpa (bounds, scale to zero, SKS mode)
//!            ▲                        ▲
//!         sample (scrapes)          Rules (annotations + config-autoscaler)
//! ```
//!
//! Pure: the time is an argument, state goes in and comes out. Nothing here locks, logs, measures
//! or talks to Kubernetes; the caller does, with the [`Why`] of each decision.

pub mod collection;
mod decide;
mod decider;
mod delay;
pub mod kpa;
mod pods;
mod resolve;
mod rules;
pub mod sample;
mod window;

pub use self::decide::{Decision, Load, Mode, Why, decide};
pub use self::decider::{Decider, Evaluation};
pub use self::pods::{Pod, PodCondition, PodStatus, Pods};
pub use self::resolve::windows;
pub use self::rules::{BurstCapacity, Metric, Rules};
pub use self::window::{Averaging, Window};

/// Time that has passed; zero if `since` is ahead of `now`, as after a clock was set back.
fn elapsed(since: jiff::Timestamp, now: jiff::Timestamp) -> std::time::Duration {
    now.duration_since(since).try_into().unwrap_or_default()
}
