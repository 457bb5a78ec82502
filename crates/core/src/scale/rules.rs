//! What a revision's annotations and the cluster's configuration ask of the decider.

use std::time::Duration;

/// The number that is held against the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// Requests in flight.
    #[default]
    Concurrency,
    /// Requests per second.
    Rps,
}

/// Target burst capacity: the concurrency that must fit at once, beyond the load, without waiting
/// for pods.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BurstCapacity {
    /// 0: the activator is in the path at zero pods only.
    None,
    /// −1: the activator is always in the path, and pods are not scraped.
    Unlimited,
    /// The activator stays in the path while the ready pods could not take this much more.
    Of(f64),
}

impl From<f64> for BurstCapacity {
    /// Reads the number as users write it.
    fn from(number: f64) -> Self {
        if number < 0.0 {
            Self::Unlimited
        } else if number == 0.0 {
            Self::None
        } else {
            Self::Of(number)
        }
    }
}

/// The decider's rules for one revision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// What is measured.
    pub metric: Metric,
    /// What one pod should carry, in the metric's unit: `max(0.01, total · utilisation)`.
    pub target: f64,
    /// What one pod can carry.
    pub total: f64,
    /// See [`BurstCapacity`].
    pub burst_capacity: BurstCapacity,
    /// What one activator can carry, as concurrency.
    pub activator_capacity: f64,
    /// Most pods after a step, as a multiple of the ready ones; above 1.
    pub max_scale_up_rate: f64,
    /// Fewest pods after a step, as a divisor of the ready ones; above 1.
    pub max_scale_down_rate: f64,
    /// Panic when the panic window wants this many times the ready pods.
    pub panic_threshold: f64,
    /// Length of the stable window; also how long a panic lasts after its last cause.
    pub stable_window: Duration,
    /// Scale down only to what was the most wanted within this time.
    pub scale_down_delay: Duration,
    /// Pods of a new revision.
    pub initial_scale: u32,
    /// With any load, at least this many pods; 0 and 1 mean nothing.
    pub activation_scale: u32,
    /// Whether routes may lead to the revision.
    pub reachable: bool,
}

impl Default for Rules {
    /// The rules of a revision without annotations on a cluster without configuration.
    fn default() -> Self {
        Self {
            metric: Metric::Concurrency,
            target: 70.0,
            total: 100.0,
            burst_capacity: BurstCapacity::Of(211.0),
            activator_capacity: 100.0,
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            panic_threshold: 2.0,
            stable_window: Duration::from_secs(60),
            scale_down_delay: Duration::ZERO,
            initial_scale: 1,
            activation_scale: 0,
            reachable: true,
        }
    }
}
