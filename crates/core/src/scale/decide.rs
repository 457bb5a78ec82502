//! One evaluation: from load and ready pods to the wanted count.
//!
//! It knows nothing of `min-scale`, `max-scale`, initial scale and the way to zero; those belong to
//! [`super::kpa`].

use std::fmt;

use jiff::Timestamp;

use super::elapsed;
use super::rules::{BurstCapacity, Rules};

/// The load of a whole revision, in the unit of its metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Average over the stable window.
    pub stable: f64,
    /// Average over the panic window.
    pub panic: f64,
}

/// Whether a burst is being answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The stable window decides.
    Stable,
    /// The larger of both windows decides, and the count never falls. Entered, and prolonged, when
    /// the panic window wants at least `panic_threshold` times the ready pods; left one stable
    /// window after the last time that held.
    Panic {
        /// When the threshold was last reached.
        since: Timestamp,
        /// The largest count wanted in this panic.
        floor: u32,
    },
}

impl Mode {
    /// Whether this is a panic.
    #[must_use]
    pub const fn is_panic(self) -> bool {
        matches!(self, Self::Panic { .. })
    }
}

/// What set the wanted count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no load.
    Idle,
    /// The stable window divided by the target.
    StableLoad,
    /// The panic window divided by the target.
    PanicLoad,
    /// The load wants more, but not faster than `max-scale-up-rate`.
    ScaleUpRate,
    /// The load wants less, but not faster than `max-scale-down-rate`.
    ScaleDownRate,
    /// With any load there are at least `activation-scale` pods.
    ActivationScale,
    /// A panic never scales down.
    PanicHold,
    /// `scale-down-delay`: this much was wanted a moment ago.
    ScaleDownDelay,
}

impl Why {
    /// A stable name for logs and labels.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::StableLoad => "stable_load",
            Self::PanicLoad => "panic_load",
            Self::ScaleUpRate => "scale_up_rate",
            Self::ScaleDownRate => "scale_down_rate",
            Self::ActivationScale => "activation_scale",
            Self::PanicHold => "panic_hold",
            Self::ScaleDownDelay => "scale_down_delay",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The outcome of [`decide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Pods wanted, before bounds.
    pub want: u32,
    /// Excess burst capacity: what the ready pods could take beyond the load and the target burst
    /// capacity. The activator may leave the path while it is ≥ 0.
    pub spare_burst: i32,
    /// The mode to pass in the next time.
    pub mode: Mode,
    /// What set `want`.
    pub why: Why,
}

/// Decides for one revision.
///
/// With `R = max(1, ready)`, so that rates and the threshold mean something at zero:
///
/// ```text
/// up     = ⌈max_scale_up_rate · R⌉         never more than this in one step
/// down   = ⌊R / max_scale_down_rate⌋       never less, unless unreachable (then 0: let it go)
/// stable = clamp(⌈load.stable / target⌉, down, up)
/// panic  = clamp(⌈load.panic  / target⌉, down, up)
/// ```
///
/// Ceiling and floor guarantee progress by one pod for any rate above 1. Activation scale applies
/// after the rates, hence it may exceed `up`: it is asked for by the user, by name. The panic
/// threshold looks at the load before the rates, which would hide the burst.
#[must_use]
pub fn decide(rules: &Rules, load: Load, ready: u32, mode: Mode, now: Timestamp) -> Decision {
    let pods = f64::from(ready.max(1));
    let up = (rules.max_scale_up_rate * pods).ceil();
    let down = if rules.reachable {
        (pods / rules.max_scale_down_rate).floor()
    } else {
        0.0
    };
    let by_stable = (load.stable / rules.target).ceil();
    let by_panic = (load.panic / rules.target).ceil();
    let limits = Limits {
        up,
        down,
        activation: f64::from(rules.activation_scale),
    };
    let stable = limits.apply(by_stable, Why::StableLoad);
    let panic = limits.apply(by_panic, Why::PanicLoad);

    let over = by_panic / pods >= rules.panic_threshold;
    let mode = match mode {
        Mode::Stable if over => Mode::Panic {
            since: now,
            floor: 0,
        },
        Mode::Panic { floor, .. } if over => Mode::Panic { since: now, floor },
        Mode::Panic { since, .. } if elapsed(since, now) > rules.stable_window => Mode::Stable,
        unchanged => unchanged,
    };

    let (want, why, mode) = match mode {
        Mode::Stable => (stable.0, stable.1, mode),
        Mode::Panic { since, floor } => {
            let (want, why) = if panic.0 > stable.0 { panic } else { stable };
            let (want, why) = if floor > want {
                (floor, Why::PanicHold)
            } else {
                (want, why)
            };
            (want, why, Mode::Panic { since, floor: want })
        }
    };
    Decision {
        want,
        spare_burst: spare_burst(rules, load, ready),
        mode,
        why,
    }
}

struct Limits {
    up: f64,
    down: f64,
    activation: f64,
}

impl Limits {
    fn apply(&self, by_load: f64, why: Why) -> (u32, Why) {
        let (mut want, mut why) = (by_load, if by_load > 0.0 { why } else { Why::Idle });
        if want < self.down {
            (want, why) = (self.down, Why::ScaleDownRate);
        }
        if want > self.up {
            (want, why) = (self.up, Why::ScaleUpRate);
        }
        if self.activation > 1.0 && by_load > 0.0 && self.activation > want {
            (want, why) = (self.activation, Why::ActivationScale);
        }
        (want.min(f64::from(i32::MAX)) as u32, why)
    }
}

/// `⌊ready · total − target burst − panic load⌋`, by the true count of ready pods: what is not
/// there cannot take a burst.
fn spare_burst(rules: &Rules, load: Load, ready: u32) -> i32 {
    match rules.burst_capacity {
        BurstCapacity::None => 0,
        BurstCapacity::Unlimited => -1,
        // The conversion saturates.
        BurstCapacity::Of(burst) => {
            (f64::from(ready) * rules.total - burst - load.panic).floor() as i32
        }
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
