//! Decides for each revision: every two seconds, and at once when one without pods gets requests.
//!
//! ```text
//! tick (2 s) ──┐
//!              ├─► Decider ─ changed? ─► queue of the PodAutoscaler reconciler
//! first stat ──┘
//! ```
//!
//! A decider exists for each PodAutoscaler of our class that this replica owns. It is made when the
//! PodAutoscaler is reconciled or when the first stat for it arrives, whichever is earlier, so that
//! a restarted process answers the first request that it hears of.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use ebb_core::api::pod_autoscaler::PodAutoscaler;
use ebb_core::config;
use ebb_core::scale::{Decider, Evaluation, Load, Rules, kpa};
use ebb_core::stat::Stat;
use ebb_process::Stop;
use ebb_runtime::config::Live;
use ebb_runtime::queue::Queue;
use ebb_runtime::{Cache, Key};
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};

use crate::collector::{Collector, PodIndex};
use crate::pulse::{Pulse, SLOTS_A_SECOND, Slot};
use crate::scale_target::ScaleTargets;

/// Slots between two evaluations of a revision: two seconds.
const TICK: i64 = 2 * SLOTS_A_SECOND;

/// What is known of one revision.
#[derive(Debug)]
struct Entry {
    decider: Decider,
    load: Load,
    requested: Option<u32>,
    woken: Option<Timestamp>,
}

type SharedEntry = Arc<Mutex<Entry>>;

/// What a reconcile needs of a revision's decider, at one moment.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The rules in force.
    pub rules: Rules,
    /// The decider's wish; `None` while it has none.
    pub desired: Option<u32>,
    /// Excess burst capacity.
    pub spare_burst: i32,
    /// What set the wish.
    pub why: &'static str,
    /// Whether it panics.
    pub panics: bool,
    /// The load that the wish comes from.
    pub load: Load,
    /// The scale within bounds that was last carried out.
    pub requested: Option<u32>,
    /// When the stat arrived that woke the revision from zero, until [`Scaler::settled`] is called.
    pub woken: Option<Timestamp>,
}

/// All deciders of this replica. Cheap to clone.
#[derive(Clone)]
pub struct Scaler(Arc<Shared>);

struct Shared {
    entries: RwLock<HashMap<Key, SharedEntry>>,
    collector: Collector,
    pods: PodIndex,
    autoscalers: Cache<PodAutoscaler>,
    targets: ScaleTargets,
    config: Live<config::Autoscaler>,
    /// Queue of the PodAutoscaler reconciler.
    changed: OnceLock<Queue>,
}

impl fmt::Debug for Scaler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scaler")
            .field("deciders", &self.0.entries.read().len())
            .finish_non_exhaustive()
    }
}

impl Scaler {
    /// A scaler without deciders.
    #[must_use]
    pub fn new(
        collector: Collector,
        pods: PodIndex,
        autoscalers: Cache<PodAutoscaler>,
        targets: ScaleTargets,
        config: Live<config::Autoscaler>,
    ) -> Self {
        Self(Arc::new(Shared {
            entries: RwLock::default(),
            collector,
            pods,
            autoscalers,
            targets,
            config,
            changed: OnceLock::new(),
        }))
    }

    /// Has `queue` told of every decision that somebody must act on. Once, at start.
    pub fn report_to(&self, queue: Queue) {
        // A second queue would be a mistake of the wiring, not of the world.
        assert!(
            self.0.changed.set(queue).is_ok(),
            "a scaler reports to one queue"
        );
    }

    /// Makes the decider of `autoscaler`, or puts its present rules in force, and shows it.
    #[must_use]
    pub fn ensure(
        &self,
        autoscaler: &PodAutoscaler,
        config: &config::Autoscaler,
        now: Timestamp,
    ) -> View {
        let rules = Rules::of(autoscaler, config);
        let entry = self.entry(Key::of(autoscaler), autoscaler, rules, now);
        let mut entry = entry.lock();
        entry.decider.update(rules);
        entry.view()
    }

    /// Forgets a revision.
    pub fn remove(&self, key: &Key) {
        self.0.entries.write().remove(key);
    }

    /// Forgets all revisions but those that `keep` names: another replica decides for the rest.
    pub fn retain(&self, keep: impl Fn(&Key) -> bool) {
        self.0.entries.write().retain(|key, _| keep(key));
    }

    /// Evaluates at once if `stat` cannot wait for the tick ([`Decider::is_woken_by`]). It must be
    /// recorded already.
    pub fn wake(&self, key: &Key, stat: &Stat, now: Timestamp) {
        let known = self.0.entries.read().get(key).cloned();
        let entry = known.or_else(|| {
            let autoscaler = self.0.autoscalers.by_key(key)?;
            if !kpa::is_ours(&autoscaler) {
                return None;
            }
            let rules = Rules::of(&autoscaler, &self.0.config.get());
            Some(self.entry(key.clone(), &autoscaler, rules, now))
        });
        let Some(entry) = entry else { return };
        let ready = self.0.pods.count(key).ready;
        let mut locked = entry.lock();
        if locked.decider.is_woken_by(stat, ready) {
            locked.woken.get_or_insert(now);
            self.evaluate(key, &mut locked, ready, now);
        }
    }

    /// Says what came of a revision's wish. `requested` is the scale within bounds, if it is known.
    pub fn settled(&self, key: &Key, requested: Option<u32>) {
        if let Some(entry) = self.0.entries.read().get(key) {
            let mut entry = entry.lock();
            entry.requested = requested.or(entry.requested);
            if requested.is_some_and(|pods| pods > 0) {
                entry.woken = None;
            }
        }
    }

    /// Shows every decider; for metrics.
    pub fn for_each(&self, mut visit: impl FnMut(&Key, &View)) {
        for (key, entry) in &*self.0.entries.read() {
            let view = entry.lock().view();
            visit(key, &view);
        }
    }

    /// Evaluates each revision every two seconds until a stop is asked for; give it to the
    /// supervisor.
    ///
    /// # Errors
    /// None.
    pub async fn run(self, stop: Stop) -> Result<(), std::convert::Infallible> {
        let mut pulse = Pulse::default();
        loop {
            tokio::select! {
                slot = pulse.next() => self.tick(slot, Timestamp::now()),
                () = stop.triggered() => return Ok(()),
            }
        }
    }

    /// Evaluates one revision, as its tick does. For tests.
    #[cfg(test)]
    pub(crate) fn evaluate_now(&self, key: &Key) {
        let entry = self
            .0
            .entries
            .read()
            .get(key)
            .cloned()
            .expect("there is a decider");
        let ready = self.0.pods.count(key).ready;
        self.evaluate(key, &mut entry.lock(), ready, Timestamp::now());
    }

    fn tick(&self, slot: Slot, now: Timestamp) {
        let due: Vec<(Key, SharedEntry)> = {
            let entries = self.0.entries.read();
            let due = entries.iter().filter(|(key, _)| slot.is_turn_of(key, TICK));
            due.map(|(key, entry)| (key.clone(), entry.clone()))
                .collect()
        };
        for (key, entry) in due {
            let ready = self.0.pods.count(&key).ready;
            self.evaluate(&key, &mut entry.lock(), ready, now);
        }
    }

    fn evaluate(&self, key: &Key, entry: &mut Entry, ready: u32, now: Timestamp) {
        let rules = *entry.decider.rules();
        let load = match self.0.collector.load(key, rules.metric, now) {
            Ok(load) => load,
            Err(error) => {
                // The last decision stays in force.
                tracing::debug!("knative.dev/key" = %key, %error, "no decision");
                return;
            }
        };
        let evaluation = entry.decider.evaluate(load, ready, now);
        entry.load = load;
        report(key, &rules, load, ready, &evaluation);
        if evaluation.changed
            && let Some(queue) = self.0.changed.get()
        {
            queue.add(key.clone());
        }
    }

    fn entry(
        &self,
        key: Key,
        autoscaler: &PodAutoscaler,
        rules: Rules,
        now: Timestamp,
    ) -> SharedEntry {
        if let Some(entry) = self.0.entries.read().get(&key) {
            return entry.clone();
        }
        // Where the target is not in the cache nothing can be held; the first decision then rules.
        let target = &autoscaler.spec.scale_target_ref;
        let replicas = self.0.targets.cached(&key.namespace, target).unwrap_or(0);
        let before = autoscaler
            .status
            .as_ref()
            .and_then(|status| status.desired_scale);
        let activity = kpa::activity(autoscaler, now);
        let held = kpa::held_on_takeover(before, activity, replicas);
        let mut entries = self.0.entries.write();
        let entry = entries.entry(key).or_insert_with(|| {
            Arc::new(Mutex::new(Entry {
                decider: Decider::new(rules, held, now),
                load: Load::default(),
                requested: None,
                woken: None,
            }))
        });
        entry.clone()
    }
}

impl Entry {
    fn view(&self) -> View {
        View {
            rules: *self.decider.rules(),
            desired: self.decider.desired(),
            spare_burst: self.decider.spare_burst(),
            why: self
                .decider
                .last()
                .map_or("undecided", |last| last.why.label()),
            panics: self.decider.mode().is_panic(),
            load: self.load,
            requested: self.requested,
            woken: self.woken,
        }
    }
}

/// One line for each change of mind, at INFO because it changes what users run; the rest at DEBUG.
fn report(key: &Key, rules: &Rules, load: Load, ready: u32, evaluation: &Evaluation) {
    let decision = &evaluation.decision;
    if evaluation.before == Some(decision.want) {
        tracing::debug!(
            "knative.dev/key" = %key, want = decision.want, ready, why = %decision.why,
            stable = load.stable, panic = load.panic, "decision stands"
        );
        return;
    }
    tracing::info!(
        "knative.dev/key" = %key,
        want = decision.want,
        before = evaluation.before,
        ready,
        why = %decision.why,
        stable = load.stable,
        panic = load.panic,
        target = rules.target,
        panics = decision.mode.is_panic(),
        spare_burst = decision.spare_burst,
        "decision"
    );
}
