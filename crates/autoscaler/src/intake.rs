//! Where every stat comes in, from activators and from other replicas.
//!
//! A stat about a revision of ours is recorded, and wakes the revision if it is at zero, before the
//! next one is looked at; there is no queue in between. What belongs to another replica goes into
//! that bucket's queue and never holds up the rest.

use std::sync::Arc;

use ebb_core::stat::{WireStatMessage, WireStatMessages};
use ebb_runtime::Key;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::collector::Collector;
use crate::ownership::Ownership;
use crate::scaler::Scaler;

/// Takes in stats. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Intake {
    ownership: Ownership,
    collector: Collector,
    scaler: Scaler,
    /// A queue for each bucket, for while it is not ours.
    elsewhere: Arc<[mpsc::Sender<WireStatMessage>]>,
}

impl Intake {
    /// `elsewhere` has the queue of each bucket, in their order.
    #[must_use]
    pub fn new(
        ownership: Ownership,
        collector: Collector,
        scaler: Scaler,
        elsewhere: Vec<mpsc::Sender<WireStatMessage>>,
    ) -> Self {
        Self {
            ownership,
            collector,
            scaler,
            elsewhere: elsewhere.into(),
        }
    }

    /// Takes in the stats of one frame, received at `now`. Messages without a stat are skipped.
    pub fn accept(&self, frame: WireStatMessages, now: Timestamp) {
        for message in frame.messages {
            self.accept_one(message, now);
        }
    }

    fn accept_one(&self, mut message: WireStatMessage, now: Timestamp) {
        let Some(stat) = &mut message.stat else {
            return;
        };
        // The first replica to see it says when that was, so that a detour does not move it.
        if stat.timestamp == 0 {
            stat.timestamp = now.as_second();
        }
        let key = Key::new(message.namespace.as_str(), message.name.as_str());
        let bucket = self.ownership.bucket_of(&key);
        if self.ownership.leads(bucket) {
            // A stat from the future would make all that follow look too old to count.
            let at = Timestamp::from_second(stat.timestamp).map_or(now, |at| at.min(now));
            self.collector.record(&key, at, stat);
            self.scaler.wake(&key, stat, now);
        } else if self.elsewhere[bucket].try_send(message).is_err() {
            tracing::debug!("knative.dev/key" = %key, "stat dropped: its owner does not keep up");
        }
    }
}
