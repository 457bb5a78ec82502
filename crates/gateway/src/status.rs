//! Writes the status of Ingresses; one replica does it for all.
//!
//! An Ingress is Ready when every ready replica serves its present generation. Until then status says Unknown, but not
//! at once: replicas mostly agree within milliseconds, and a status that lags behind the generation counts as not
//! ready anyway. An Ingress that is Ready stays so for its generation, whatever becomes of its backends.

use std::collections::HashMap;
use std::time::Duration;

use ebb_core::api::condition::{Conditions, State};
use ebb_core::api::ingress::{EntryPoint, Ingress, IngressCond, IngressStatus, LoadBalancer};
use ebb_core::api::meta::Conditioned as _;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::status::StatusWriter;
use ebb_runtime::{Cache, Key};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::class;
use crate::ledger::{Ledger, Refusal, Standing};
use crate::replicas::Replicas;

/// How long the old status may stand while replicas take over a new generation.
const PATIENCE: Duration = Duration::from_millis(250);

/// Names under which the gateway is found inside the cluster.
#[derive(Clone, Debug)]
pub struct EntryPoints {
    /// The Service of the public listeners.
    pub public: String,
    /// The Service of the private listener.
    pub private: String,
}

/// The reconciler of Ingress status.
#[derive(Debug)]
pub struct Reconciler {
    ingresses: Cache<Ingress>,
    ledger: Ledger,
    replicas: Replicas,
    writer: StatusWriter,
    entry_points: EntryPoints,
    /// Since when we wait for replicas to take over a generation.
    waiting: Mutex<HashMap<Key, (i64, Instant)>>,
}

/// What is to be said of an Ingress.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Ready,
    Waiting,
    Refused(Refusal),
}

impl Reconciler {
    /// Will judge by our own `ledger` and by what `replicas` serve.
    pub fn new(
        ingresses: Cache<Ingress>,
        ledger: Ledger,
        replicas: Replicas,
        writer: StatusWriter,
        entry_points: EntryPoints,
    ) -> Self {
        Self {
            ingresses,
            ledger,
            replicas,
            writer,
            entry_points,
            waiting: Mutex::default(),
        }
    }

    fn judge(&self, key: &Key, ingress: &Ingress) -> Verdict {
        let generation = ingress.metadata.generation.unwrap_or_default();
        match self.ledger.standing(key) {
            Some(Standing::Serving(version))
                if version.generation == generation
                    && Some(&version.uid) == ingress.metadata.uid.as_ref()
                    && self.replicas.all_serve(key, &version) =>
            {
                Verdict::Ready
            }
            Some(Standing::Refused {
                generation: refused,
                refusal,
            }) if refused == generation => Verdict::Refused(refusal),
            _ => Verdict::Waiting,
        }
    }

    /// How much longer the old status may stand; `None` when it must go.
    fn patience(&self, key: &Key, generation: i64) -> Option<Duration> {
        let mut waiting = self.waiting.lock();
        let now = Instant::now();
        let (waited_for, since) = waiting.entry(key.clone()).or_insert((generation, now));
        if *waited_for != generation {
            (*waited_for, *since) = (generation, now);
        }
        PATIENCE
            .checked_sub(since.elapsed())
            .filter(|left| !left.is_zero())
    }
}

impl Reconcile for Reconciler {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let found = self
            .ingresses
            .by_key(key)
            .filter(|ingress| class::is_ours(ingress));
        let Some(ingress) = found else {
            self.waiting.lock().remove(key);
            return Ok(Action::Done);
        };
        let verdict = self.judge(key, &ingress);
        if verdict == Verdict::Waiting {
            if ingress.is_ready() && has_entry_points(&ingress, &self.entry_points) {
                return Ok(Action::Done);
            }
            let generation = ingress.metadata.generation.unwrap_or_default();
            if let Some(left) = self.patience(key, generation) {
                return Ok(Action::After(left));
            }
        } else {
            self.waiting.lock().remove(key);
        }
        let before = ingress.status.clone().unwrap_or_default();
        let status = status_after(before, &verdict, &self.entry_points, Timestamp::now());
        self.writer.write(&*ingress, &status).await?;
        Ok(Action::Done)
    }
}

/// The status that says so.
fn status_after(
    mut status: IngressStatus,
    verdict: &Verdict,
    entry_points: &EntryPoints,
    now: Timestamp,
) -> IngressStatus {
    let conditions = &mut status.conditions;
    conditions.initialize(now);
    // Accepted and pushed; it says nothing of backends.
    conditions.set(IngressCond::NetworkConfigured, State::True, now);
    match verdict {
        Verdict::Ready => {
            conditions.set(IngressCond::LoadBalancerReady, State::True, now);
            status.public_load_balancer = Some(load_balancer(&entry_points.public));
            status.private_load_balancer = Some(load_balancer(&entry_points.private));
        }
        Verdict::Waiting => {
            let state = State::unknown("Uninitialized", "Waiting for load balancer to be ready");
            conditions.set(IngressCond::LoadBalancerReady, state, now);
        }
        Verdict::Refused(refusal @ Refusal::Conflict { .. }) => {
            let state = State::failed("DomainConflict", format!("Ingress rejected: {refusal}"));
            conditions.set(IngressCond::LoadBalancerReady, state, now);
        }
        Verdict::Refused(Refusal::Invalid(why)) => fail(conditions, why, now),
    }
    status
}

fn fail(conditions: &mut Conditions<IngressCond>, why: &str, now: Timestamp) {
    let waiting = State::unknown("Uninitialized", "Waiting for load balancer to be ready");
    conditions.set(IngressCond::LoadBalancerReady, waiting, now);
    conditions.set(
        IngressCond::Ready,
        State::unknown("ReconcileIngressFailed", why),
        now,
    );
}

fn has_entry_points(ingress: &Ingress, entry_points: &EntryPoints) -> bool {
    let status = ingress.status.as_ref();
    let public = status.and_then(|status| status.public_load_balancer.as_ref());
    let private = status.and_then(|status| status.private_load_balancer.as_ref());
    public == Some(&load_balancer(&entry_points.public))
        && private == Some(&load_balancer(&entry_points.private))
}

fn load_balancer(name: &str) -> LoadBalancer {
    LoadBalancer {
        ingress: vec![EntryPoint {
            domain_internal: name.to_owned(),
            ..EntryPoint::default()
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points() -> EntryPoints {
        EntryPoints {
            public: "g.s.svc.cluster.local".into(),
            private: "i.s.svc.cluster.local".into(),
        }
    }

    fn after(before: IngressStatus, verdict: &Verdict) -> IngressStatus {
        status_after(before, verdict, &points(), Timestamp::UNIX_EPOCH)
    }

    fn shown(status: &IngressStatus) -> Vec<String> {
        let line = |c: &ebb_core::api::condition::Condition| {
            format!("{} {} {} {}", c.type_, c.status, c.reason, c.message)
                .trim_end()
                .to_owned()
        };
        status.conditions.as_slice().iter().map(line).collect()
    }

    #[test]
    fn ready_comes_with_both_entry_points() {
        let status = after(IngressStatus::default(), &Verdict::Ready);
        assert_eq!(
            shown(&status),
            [
                "LoadBalancerReady True",
                "NetworkConfigured True",
                "Ready True"
            ]
        );
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(
            json["publicLoadBalancer"]["ingress"][0]["domainInternal"],
            "g.s.svc.cluster.local"
        );
        assert_eq!(
            json["privateLoadBalancer"]["ingress"][0]["domainInternal"],
            "i.s.svc.cluster.local"
        );
    }

    #[test]
    fn waiting_again_keeps_the_entry_points() {
        let ready = after(IngressStatus::default(), &Verdict::Ready);
        let status = after(ready, &Verdict::Waiting);
        let waits = "Unknown Uninitialized Waiting for load balancer to be ready";
        assert_eq!(
            shown(&status),
            [
                format!("LoadBalancerReady {waits}"),
                "NetworkConfigured True".into(),
                format!("Ready {waits}")
            ]
        );
        assert!(status.public_load_balancer.is_some());
    }

    #[test]
    fn a_conflict_names_the_host_and_its_holder() {
        let refusal = Refusal::Conflict {
            host: "a.example.com".into(),
            holder: Key::new("ns", "old"),
        };
        let status = after(IngressStatus::default(), &Verdict::Refused(refusal));
        let said =
            "False DomainConflict Ingress rejected: host a.example.com belongs to Ingress ns/old";
        assert_eq!(shown(&status)[0], format!("LoadBalancerReady {said}"));
        assert_eq!(shown(&status)[2], format!("Ready {said}"));
    }

    #[test]
    fn what_cannot_be_compiled_is_said_in_ready() {
        let status = after(
            IngressStatus::default(),
            &Verdict::Refused(Refusal::Invalid("bad".into())),
        );
        assert_eq!(
            shown(&status)[2],
            "Ready Unknown ReconcileIngressFailed bad"
        );
    }
}
