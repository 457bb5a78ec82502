//! From the decider's wish to what a PodAutoscaler does about it.
//!
//! ```text
//! Decider.want ─► scale: bounds, initial scale, the way to zero ─► replicas to write
//!                                   │
//!                                   ├─► path: Serve or Proxy, number of activators
//!                                   └─► status: desired, actual, Active, ScaleTargetInitialized
//! ```
//!
//! It refuses to look anything up: the reconciler brings what it observed and carries out what
//! comes back.

mod children;
mod observe;
mod path;
mod scale;
mod status;

use jiff::Timestamp;

pub use self::children::{metric, serverless_service};
pub use self::observe::{activity, current_mode, is_ours, proxied_since};
pub use self::path::{Mode, activators, mode};
pub use self::scale::{
    ActivatorPath, Bounds, Outcome, Situation, Why, ZeroRules, held_on_takeover, plan,
};
pub use self::status::{Active, Findings, is_initialized, mark, min_ready, next_active};

/// The `Active` condition of a PodAutoscaler: its status, and since when it has had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Unknown: pods are on their way.
    Activating {
        /// Since when.
        since: Timestamp,
    },
    /// True.
    Active {
        /// Since when.
        since: Timestamp,
    },
    /// False: nothing is served, pods may go.
    Inactive {
        /// Since when.
        since: Timestamp,
    },
}

impl Activity {
    /// Whether pods are on their way.
    #[must_use]
    pub const fn is_activating(self) -> bool {
        matches!(self, Self::Activating { .. })
    }

    /// Whether the revision was given up.
    #[must_use]
    pub const fn is_inactive(self) -> bool {
        matches!(self, Self::Inactive { .. })
    }
}
