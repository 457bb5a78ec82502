//! The memory of one revision between evaluations.

use jiff::Timestamp;

use super::decide::{Decision, Load, Mode, Why, decide};
use super::delay::Delay;
use super::rules::{BurstCapacity, Rules};
use crate::stat::Stat;

/// Rules, mode and last decision of one revision.
#[derive(Clone, Debug)]
pub struct Decider {
    rules: Rules,
    mode: Mode,
    delay: Delay,
    last: Option<Decision>,
}

/// A decision, and whether anyone has to act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// What was decided.
    pub decision: Decision,
    /// The wanted count of the decision before; `None` if this is the first.
    pub before: Option<u32>,
    /// The wanted count changed, or the activator may leave or has to enter the path.
    pub changed: bool,
}

impl Decider {
    /// A decider that has not decided yet.
    ///
    /// `held` pods were wanted by whoever decided before (see [`super::kpa::held_on_takeover`]). If
    /// there are any, the windows are empty for no good reason: the decider starts in panic, which
    /// holds those pods for one stable window, until the windows can be believed. (Upstream holds
    /// the ready pods, from two on; here the only pod of a revision, and pods that are still
    /// starting, are not lost to a restart either.)
    #[must_use]
    pub fn new(rules: Rules, held: u32, now: Timestamp) -> Self {
        let mode = if held > 0 {
            Mode::Panic {
                since: now,
                floor: held,
            }
        } else {
            Mode::Stable
        };
        Self {
            rules,
            mode,
            delay: Delay::default(),
            last: None,
        }
    }

    /// The rules in force.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Puts new rules in force; mode and delay survive.
    pub fn update(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Decides anew. Not to be called without data: the last decision then stays in force, and a
    /// panic does not run out.
    pub fn evaluate(&mut self, load: Load, ready: u32, now: Timestamp) -> Evaluation {
        let mut decision = decide(&self.rules, load, ready, self.mode, now);
        if self.rules.reachable && !self.rules.scale_down_delay.is_zero() {
            let held = self
                .delay
                .hold(decision.want, self.rules.scale_down_delay, now);
            if held > decision.want {
                decision.want = held;
                decision.why = Why::ScaleDownDelay;
            }
        }
        let (before, spare_before) = (self.desired(), self.spare_burst());
        self.mode = decision.mode;
        self.last = Some(decision);
        Evaluation {
            decision,
            before,
            changed: before != Some(decision.want)
                || (spare_before >= 0) != (decision.spare_burst >= 0),
        }
    }

    /// The wanted count; `None` until there was data.
    #[must_use]
    pub fn desired(&self) -> Option<u32> {
        self.last.map(|decision| decision.want)
    }

    /// The last decision, if any.
    #[must_use]
    pub const fn last(&self) -> Option<&Decision> {
        self.last.as_ref()
    }

    /// The mode in force.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Excess burst capacity. Before the first decision, what the initial scale would leave,
    /// truncated toward zero where decisions round down.
    #[must_use]
    pub fn spare_burst(&self) -> i32 {
        if let Some(decision) = self.last {
            return decision.spare_burst;
        }
        match self.rules.burst_capacity {
            BurstCapacity::None => 0,
            BurstCapacity::Unlimited => -1,
            BurstCapacity::Of(burst) => {
                (f64::from(self.rules.initial_scale) * self.rules.total - burst) as i32
            }
        }
    }

    /// Whether `stat` must be answered at once instead of at the next tick: it is the first sign of
    /// life of a revision at zero, or requests pile up while none of its pods is ready.
    ///
    /// A decider that has not decided yet counts as being at zero. (Upstream wakes a decider only if
    /// its last decision was exactly zero, so a burst that follows the first request within its
    /// second waits for the tick while the first pod starts.)
    #[must_use]
    pub fn is_woken_by(&self, stat: &Stat, ready: u32) -> bool {
        let waits = ready == 0 || self.desired().unwrap_or(0) == 0;
        waits && stat.average_concurrent_requests > 0.0
    }
}

#[cfg(test)]
#[path = "decider_tests.rs"]
mod tests;
