//! Leader election: one Lease for each reconciler, as upstream's tests count them.
//!
//! A replica that holds the Lease renews it every retry period. One that does not looks at it as often and takes it
//! once the holder has not renewed for a whole lease duration *by our own clock*: times written by others are not
//! trusted, only that the record changed. A holder that cannot renew until the renew deadline stops leading by itself,
//! which is before anybody may take over.
//!
//! The identity is that of the pod, not of the process. A container that was killed comes back to its own Lease and
//! leads at once instead of waiting for itself; two containers of one pod incarnation never run at the same time.
//!
//! On a stop the Lease is given up, so that a standby does not wait it out.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use ebb_core::config::LeaderElection;
use ebb_process::Stop;
use ebb_process::log::Chain;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Client;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{Key, request};

/// The times of `config-leader-election`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a Lease holds without renewal.
    pub lease: Duration,
    /// How long a holder tries to renew before it stops leading.
    pub renew: Duration,
    /// Pause between renewals, and between looks at another's Lease.
    pub retry: Duration,
}

/// Times with which two replicas could lead at once, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTiming {
    /// A holder would still try to renew when others take over.
    #[error("lease-duration ({0:?}) must be greater than renew-deadline ({1:?})")]
    RenewsTooLong(Duration, Duration),
    /// A holder would give up before it tried again.
    #[error("renew-deadline ({0:?}) must be greater than 1.2 times retry-period ({1:?})")]
    TriesTooSeldom(Duration, Duration),
    /// Nobody would ever rest.
    #[error("retry-period must be greater than zero")]
    NeverRests,
}

/// Refuses times that cannot work; upstream's programs do not start with such times either.
impl TryFrom<&LeaderElection> for Timing {
    type Error = BadTiming;

    fn try_from(settings: &LeaderElection) -> Result<Self, BadTiming> {
        let (lease, renew) = (settings.lease_duration, settings.renew_deadline);
        let retry = settings.retry_period;
        if lease <= renew {
            return Err(BadTiming::RenewsTooLong(lease, renew));
        }
        if renew <= retry.mul_f64(1.2) {
            return Err(BadTiming::TriesTooSeldom(renew, retry));
        }
        if retry.is_zero() {
            return Err(BadTiming::NeverRests);
        }
        Ok(Self {
            lease,
            renew,
            retry,
        })
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            renew: Duration::from_secs(40),
            retry: Duration::from_secs(10),
        }
    }
}

/// Tells a reconciler whether it may act.
#[derive(Clone, Debug)]
pub struct Leadership(watch::Receiver<bool>);

impl Leadership {
    /// For work that every replica does.
    pub fn always() -> Self {
        Self(watch::channel(true).1)
    }

    /// A leadership that is given and taken through the sender.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Whether this replica leads now.
    pub fn leads(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves while this replica leads.
    pub async fn gained(&mut self) {
        self.until(true).await;
    }

    /// Resolves while this replica does not lead.
    pub async fn lost(&mut self) {
        self.until(false).await;
    }

    async fn until(&mut self, leads: bool) {
        // Without a sender nothing will change any more.
        if self.0.wait_for(|now| *now == leads).await.is_err() {
            std::future::pending().await
        }
    }
}

/// The identity of this pod for its whole life: `<pod>_<uid>`.
///
/// Upstream's tests cut it at `_` and compare the rest with the deployment's name. Without a uid (outside a cluster) a
/// random one is used, and a restarted process waits for its own old Lease.
pub fn identity(pod_name: &str, pod_uid: Option<&str>) -> String {
    match pod_uid.filter(|uid| !uid.is_empty()) {
        Some(uid) => format!("{pod_name}_{uid}"),
        None => format!("{pod_name}_{}", uuid::Uuid::new_v4()),
    }
}

/// The name of a reconciler's Lease: `<component>.<queue>.<bucket>-of-<buckets>` in lower case.
pub fn name(component: &str, queue: &str, bucket: u32, buckets: u32) -> String {
    format!("{component}.{queue}.{bucket:02}-of-{buckets:02}").to_lowercase()
}

/// Who else may hold what: everything an election needs to know.
pub struct Elector {
    client: Client,
    key: Key,
    identity: String,
    timing: Timing,
    leads: watch::Sender<bool>,
    hint: watch::Receiver<u64>,
}

impl fmt::Debug for Elector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            identity,
            timing,
            ..
        } = self;
        f.debug_struct("Elector")
            .field("key", key)
            .field("identity", identity)
            .field("timing", timing)
            .finish_non_exhaustive()
    }
}

/// What a replica knows of a Lease that somebody else holds.
#[derive(Debug)]
struct Rival {
    record: Option<LeaseSpec>,
    since: Instant,
}

impl Elector {
    /// An election for the Lease `namespace/name`. Nothing happens before [`Elector::run`].
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: &str,
        timing: Timing,
    ) -> (Self, Leadership) {
        let (leads, leadership) = Leadership::channel();
        (
            Self {
                client,
                key: Key::new(namespace, name),
                identity: identity.to_owned(),
                timing,
                leads,
                // Without a sender it never changes.
                hint: watch::channel(0).1,
            },
            leadership,
        )
    }

    /// Also looks at the Lease whenever `hint` changes, which somebody who watches it does when it was given up. A
    /// standby then leads at once instead of after a pause.
    pub fn look_on(mut self, hint: watch::Receiver<u64>) -> Self {
        self.hint = hint;
        self
    }

    /// Campaigns and leads in turn until a stop is asked for; give it to the supervisor.
    ///
    /// # Errors
    /// None: an API server that does not answer costs the leadership, not the process.
    pub async fn run(self, stop: Stop) -> Result<(), Infallible> {
        let mut rival = None;
        loop {
            let mut held = tokio::select! {
                lease = self.campaign(&mut rival) => lease,
                () = stop.triggered() => return Ok(()),
            };
            tracing::info!(lease = %self.key, identity = %self.identity, "lease acquired");
            self.leads.send_replace(true);
            let stopped = tokio::select! {
                () = self.lead(&mut held) => false,
                () = stop.triggered() => true,
            };
            self.leads.send_replace(false);
            if stopped {
                self.release(held).await;
                return Ok(());
            }
            tracing::warn!(lease = %self.key, "lease lost");
            rival = None;
        }
    }

    /// Resolves with the Lease once it is ours.
    async fn campaign(&self, rival: &mut Option<Rival>) -> Lease {
        let mut hint = self.hint.clone();
        loop {
            hint.mark_unchanged();
            match self.try_acquire(rival).await {
                Ok(Some(lease)) => return lease,
                Ok(None) => {}
                Err(error) if request::is_conflict(&error) => {}
                Err(error) => {
                    tracing::warn!(lease = %self.key, error = %Chain(&error), "cannot look at lease")
                }
            }
            // A tenth of the pause is luck, so that rivals do not meet for ever.
            let pause = self
                .timing
                .retry
                .mul_f64(1.0 + rand::random::<f64>() / 10.0);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Ok(()) = hint.changed() => {}
            }
        }
    }

    async fn try_acquire(&self, rival: &mut Option<Rival>) -> kube::Result<Option<Lease>> {
        let Some(mut lease) = request::get::<Lease>(&self.client, &self.key).await? else {
            let metadata = ObjectMeta {
                name: Some(self.key.name.clone()),
                namespace: Some(self.key.namespace.clone()),
                ..Default::default()
            };
            let lease = Lease {
                metadata,
                spec: Some(self.record(None)),
            };
            return request::create(&self.client, &lease).await.map(Some);
        };
        let record = lease.spec.clone();
        let holder = record
            .as_ref()
            .and_then(|record| record.holder_identity.as_deref())
            .unwrap_or_default();
        if !holder.is_empty() && holder != self.identity {
            let known = rival
                .as_ref()
                .filter(|rival| rival.record == record)
                .map(|rival| rival.since);
            let since = known.unwrap_or_else(Instant::now);
            *rival = Some(Rival {
                record: record.clone(),
                since,
            });
            let seconds = record
                .as_ref()
                .and_then(|record| record.lease_duration_seconds)
                .unwrap_or_default();
            let holds =
                Duration::from_secs(seconds.try_into().unwrap_or_default()).max(self.timing.lease);
            if since.elapsed() < holds {
                return Ok(None);
            }
        }
        lease.spec = Some(self.record(record.as_ref()));
        request::replace(&self.client, &lease).await.map(Some)
    }

    /// Renews until that has failed for the renew deadline, or somebody else has the Lease.
    async fn lead(&self, lease: &mut Lease) {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(self.timing.retry).await;
            loop {
                let left = self.timing.renew.saturating_sub(renewed.elapsed());
                let attempt = tokio::time::timeout(left, self.renew(lease)).await;
                match attempt {
                    Ok(Ok(true)) => break renewed = Instant::now(),
                    Ok(Ok(false)) => return,
                    Ok(Err(error)) => {
                        tracing::warn!(lease = %self.key, error = %Chain(&error), "cannot renew lease")
                    }
                    Err(_) => return,
                }
                // Quicker than the regular pause: time is running out.
                tokio::time::sleep((self.timing.retry / 5).min(left)).await;
            }
        }
    }

    /// Writes the record anew; false if the Lease is no longer ours.
    async fn renew(&self, lease: &mut Lease) -> kube::Result<bool> {
        let mut next = lease.clone();
        next.spec = Some(self.record(lease.spec.as_ref()));
        match request::replace(&self.client, &next).await {
            Ok(written) => {
                *lease = written;
                Ok(true)
            }
            Err(error) if request::is_conflict(&error) || request::is_not_found(&error) => {
                let Some(fresh) = request::get::<Lease>(&self.client, &self.key).await? else {
                    return Ok(false);
                };
                let holder = fresh
                    .spec
                    .as_ref()
                    .and_then(|record| record.holder_identity.as_deref());
                let ours = holder == Some(self.identity.as_str());
                *lease = fresh;
                // Ours but changed: somebody edited it. The next attempt writes on top of that.
                if ours { Err(error) } else { Ok(false) }
            }
            Err(error) => Err(error),
        }
    }

    async fn release(&self, mut lease: Lease) {
        if let Some(record) = &mut lease.spec {
            record.holder_identity = Some(String::new());
            record.lease_duration_seconds = Some(1);
            record.renew_time = Some(MicroTime(Timestamp::now()));
        }
        // Best effort, and the process is on its way out.
        let given_up = tokio::time::timeout(
            Duration::from_secs(3),
            request::replace(&self.client, &lease),
        )
        .await;
        if !matches!(given_up, Ok(Ok(_))) {
            tracing::warn!(lease = %self.key, "lease not released");
        }
    }

    /// The record that says that we hold the Lease now.
    fn record(&self, old: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let same = old.filter(|old| old.holder_identity.as_deref() == Some(self.identity.as_str()));
        let transitions = old
            .and_then(|old| old.lease_transitions)
            .unwrap_or_default();
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(
                self.timing.lease.as_secs().try_into().unwrap_or(i32::MAX),
            ),
            acquire_time: same
                .and_then(|old| old.acquire_time.clone())
                .or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if same.is_some() || old.is_none() {
                transitions
            } else {
                transitions + 1
            }),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests;
