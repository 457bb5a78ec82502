//! Traffic in, a table of what the autoscaler does out.
//!
//! Runs the real windows, decider and KPA plan against a toy revision: pods become ready some
//! seconds after they were asked for, and every report of a second arrives in that second. The
//! tables are golden files, so a change of tuning shows as a readable difference.

use std::fmt::Write as _;
use std::time::Duration;

use ebb_core::scale::collection::{Collection, Spec};
use ebb_core::scale::kpa::{self, ActivatorPath, Activity, Bounds, Situation, ZeroRules};
use ebb_core::scale::{Averaging, Decider, Load, Rules};
use ebb_core::stat::Stat;
use jiff::Timestamp;

/// Seconds from a written scale to a ready pod.
const START_UP: i64 = 3;
/// Seconds between two decisions.
const TICK: i64 = 2;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("the year 2023 and some seconds")
}

/// A traffic pattern and the limits of a revision.
struct Script {
    rules: Rules,
    bounds: Bounds,
    /// From which second on there are how many requests in flight.
    concurrency: &'static [(i64, f64)],
    /// The last second.
    until: i64,
}

/// A revision with its scale target and ServerlessService.
struct Revision {
    seen: Collection,
    decider: Decider,
    activity: Activity,
    initialized: bool,
    replicas: u32,
    /// When each pod becomes ready.
    pods: Vec<i64>,
    mode: kpa::Mode,
    proxied_since: Option<Timestamp>,
    want: Option<u32>,
    why: &'static str,
}

fn simulate(script: &Script) -> String {
    let spec = Spec {
        stable: script.rules.stable_window,
        panic: script.rules.stable_window / 10,
        scraped: true,
        averaging: Averaging::Linear,
    };
    let mut revision = Revision {
        seen: Collection::new(&spec),
        decider: Decider::new(script.rules, 0, at(0)),
        activity: Activity::Inactive { since: at(-600) },
        initialized: true,
        replicas: 0,
        pods: Vec::new(),
        mode: kpa::Mode::Proxy,
        proxied_since: Some(at(-600)),
        want: Some(0),
        why: "",
    };
    let mut table =
        String::from("time   load stable  panic ready want replicas mode   path  active     why\n");
    let mut line_before = String::new();
    for second in 0..=script.until {
        let load = script
            .concurrency
            .iter()
            .rev()
            .find(|(from, _)| *from <= second)
            .map_or(0.0, |(_, load)| *load);
        revision.step(script, second, load);
        let averages = revision
            .seen
            .load(script.rules.metric, at(second))
            .unwrap_or_default();
        let line = revision.line(load, averages, second);
        // Only what changes besides the averages is worth a line.
        let essence = revision.essence(load, second);
        if essence != line_before {
            writeln!(table, "{second:>4} {line}").expect("a string takes everything");
            line_before = essence;
        }
    }
    table
}

impl Revision {
    fn ready(&self, second: i64) -> u32 {
        let ready = self.pods.iter().filter(|from| **from <= second).count();
        u32::try_from(ready).expect("few pods")
    }

    fn step(&mut self, script: &Script, second: i64, load: f64) {
        let now = at(second);
        let stat = Stat {
            average_concurrent_requests: load,
            ..Stat::default()
        };
        // Whoever is in the path reports; an idle revision without pods is reported by nobody.
        if load > 0.0 || self.ready(second) > 0 {
            self.seen.record(now, &stat);
        }
        let woken = self.decider.is_woken_by(&stat, self.ready(second));
        if second % TICK == 0 || woken {
            self.decide(script, second);
        }
        self.reconcile(script, second);
    }

    fn decide(&mut self, script: &Script, second: i64) {
        let now = at(second);
        if let Ok(load) = self.seen.load(script.rules.metric, now) {
            self.decider.evaluate(load, self.ready(second), now);
        }
    }

    fn reconcile(&mut self, script: &Script, second: i64) {
        let now = at(second);
        let situation = Situation {
            desired: self.decider.desired(),
            activity: self.activity,
            initialized: self.initialized,
            reachable: true,
            bounds: script.bounds,
            replicas: self.replicas,
            zero: ZeroRules {
                enabled: true,
                stable_window: script.rules.stable_window,
                grace: Duration::from_secs(30),
                retention: Duration::ZERO,
                activation_timeout: Duration::from_secs(630),
            },
            proxied: self.mode == kpa::Mode::Proxy,
            proxied_since: self.proxied_since,
            path: ActivatorPath::Answers,
        };
        let outcome = kpa::plan(&situation, now).expect("the activators' answer is known");
        if let Some(replicas) = outcome.write {
            self.replicas = replicas;
            let pods = usize::try_from(replicas).expect("few pods");
            self.pods.resize(pods, second + START_UP);
        }
        self.want = outcome.want;
        self.why = match outcome.why {
            kpa::Why::Decider => self.decider.last().map_or("", |last| last.why.label()),
            other => other.label(),
        };
        let mode = kpa::mode(
            outcome.want,
            self.decider.spare_burst(),
            self.activity,
            Some(self.mode),
        );
        if mode != self.mode {
            self.proxied_since = (mode == kpa::Mode::Proxy).then_some(now);
            self.mode = mode;
        }
        let min_ready = kpa::min_ready(&script.bounds, self.initialized);
        let ready = self.ready(second);
        self.activity = match kpa::next_active(outcome.want, ready, min_ready, self.activity) {
            Some(kpa::Active::Serving) => match self.activity {
                Activity::Active { .. } => self.activity,
                _ => Activity::Active { since: now },
            },
            Some(kpa::Active::Queued) => match self.activity {
                Activity::Activating { .. } => self.activity,
                _ => Activity::Activating { since: now },
            },
            Some(kpa::Active::NoTraffic | kpa::Active::TimedOut) => match self.activity {
                Activity::Inactive { .. } => self.activity,
                _ => Activity::Inactive { since: now },
            },
            None => self.activity,
        };
    }

    fn columns(&self, second: i64) -> String {
        let want = self.want.map_or("?".to_owned(), |want| want.to_string());
        let mode = if self.decider.mode().is_panic() {
            "panic"
        } else {
            "stable"
        };
        let path = format!("{:?}", self.mode);
        let active = match self.activity {
            Activity::Activating { .. } => "activating",
            Activity::Active { .. } => "active",
            Activity::Inactive { .. } => "inactive",
        };
        format!(
            "{:>5} {want:>4} {:>8} {mode:<6} {path:<5} {active:<10} {}",
            self.ready(second),
            self.replicas,
            self.why
        )
    }

    fn line(&self, load: f64, averages: Load, second: i64) -> String {
        let Load { stable, panic } = averages;
        format!(
            "{load:>6.1} {stable:>6.1} {panic:>6.1} {}",
            self.columns(second)
        )
    }

    fn essence(&self, load: f64, second: i64) -> String {
        format!("{load} {}", self.columns(second))
    }
}

const UNBOUNDED: Bounds = Bounds {
    min: 0,
    max: None,
    initial: 1,
};

/// The sample of the demo: `target: 10`, `max-scale: 10`.
fn target_ten() -> Rules {
    Rules {
        target: 7.0,
        total: 10.0,
        ..Rules::default()
    }
}

#[test]
fn fifty_at_once_for_thirty_seconds() {
    let table = simulate(&Script {
        rules: target_ten(),
        bounds: Bounds {
            max: Some(10),
            ..UNBOUNDED
        },
        concurrency: &[(5, 50.0), (35, 0.0)],
        until: 180,
    });
    insta::assert_snapshot!("fifty_at_once_for_thirty_seconds", table);
}

#[test]
fn one_request_from_zero() {
    let table = simulate(&Script {
        rules: Rules::default(),
        bounds: UNBOUNDED,
        concurrency: &[(5, 1.0), (9, 0.0)],
        until: 120,
    });
    insta::assert_snapshot!("one_request_from_zero", table);
}

#[test]
fn a_slow_rise_and_fall() {
    let table = simulate(&Script {
        rules: Rules {
            scale_down_delay: Duration::from_secs(20),
            ..target_ten()
        },
        bounds: Bounds {
            min: 1,
            ..UNBOUNDED
        },
        concurrency: &[
            (0, 5.0),
            (60, 10.0),
            (120, 20.0),
            (180, 40.0),
            (240, 20.0),
            (300, 5.0),
            (360, 0.0),
        ],
        until: 500,
    });
    insta::assert_snapshot!("a_slow_rise_and_fall", table);
}

#[test]
fn a_spike_on_a_steady_load() {
    let table = simulate(&Script {
        rules: target_ten(),
        bounds: UNBOUNDED,
        concurrency: &[(0, 14.0), (100, 200.0), (110, 14.0)],
        until: 260,
    });
    insta::assert_snapshot!("a_spike_on_a_steady_load", table);
}
