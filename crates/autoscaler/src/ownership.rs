//! Which revisions this replica decides for.
//!
//! Keys are spread over buckets by consistent selection, and there is one Lease for each bucket.
//! Whoever holds it reconciles, scrapes and decides for the bucket's revisions; the others forward
//! what they hear.

use std::convert::Infallible;
use std::sync::Arc;

use ebb_core::subset;
use ebb_process::Stop;
use ebb_runtime::Key;
use ebb_runtime::lease::Leadership;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

/// What the names of all buckets begin with.
pub const BUCKET_PREFIX: &str = "autoscaler-bucket";

/// The name of a bucket and of its Lease.
#[must_use]
pub fn bucket_name(bucket: u32, buckets: u32) -> String {
    format!("{BUCKET_PREFIX}-{bucket:02}-of-{buckets:02}")
}

#[derive(Debug)]
struct Bucket {
    name: String,
    leadership: Leadership,
}

/// The buckets and which of them are ours. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ownership {
    buckets: Arc<[Bucket]>,
    any: watch::Sender<bool>,
    version: watch::Sender<u64>,
}

impl Ownership {
    /// `buckets` are names with the outcome of their elections. Also returns the leadership of the
    /// reconcilers, which lasts while any bucket is ours.
    #[must_use]
    pub fn new(buckets: Vec<(String, Leadership)>) -> (Self, Leadership) {
        let (any, leadership) = Leadership::channel();
        let buckets = buckets.into_iter();
        let ownership = Self {
            buckets: buckets
                .map(|(name, leadership)| Bucket { name, leadership })
                .collect(),
            any,
            version: watch::Sender::new(0),
        };
        (ownership, leadership)
    }

    /// The position of the bucket that `key` belongs to.
    #[must_use]
    pub fn bucket_of(&self, key: &Key) -> usize {
        if self.buckets.len() == 1 {
            return 0;
        }
        let names = self.buckets.iter().map(|bucket| bucket.name.as_str());
        let chosen = subset::choose(&key.to_string(), names, 1);
        let position = self
            .buckets
            .iter()
            .position(|bucket| chosen.first() == Some(&&*bucket.name));
        position.unwrap_or(0)
    }

    /// Whether this replica decides for `key`.
    #[must_use]
    pub fn owns(&self, key: &Key) -> bool {
        self.leads(self.bucket_of(key))
    }

    /// Whether the bucket at `position` is ours.
    #[must_use]
    pub fn leads(&self, position: usize) -> bool {
        self.buckets[position].leadership.leads()
    }

    /// The position of the bucket with this name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.buckets.iter().position(|bucket| bucket.name == name)
    }

    /// A number that grows whenever a bucket is gained or lost.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Follows the elections until a stop is asked for; give it to the supervisor. `lost` is called
    /// after each change, before anybody else hears of it.
    ///
    /// # Errors
    /// None.
    pub async fn run(self, changed: impl Fn(&Self) + Send, stop: Stop) -> Result<(), Infallible> {
        let mut elections: FuturesUnordered<_> = self
            .buckets
            .iter()
            .map(|bucket| turn(bucket.leadership.clone()))
            .collect();
        loop {
            changed(&self);
            let any = self.buckets.iter().any(|bucket| bucket.leadership.leads());
            self.any
                .send_if_modified(|known| std::mem::replace(known, any) != any);
            self.version.send_modify(|version| *version += 1);
            tokio::select! {
                Some(leadership) = elections.next() => elections.push(turn(leadership)),
                () = stop.triggered() => return Ok(()),
            }
        }
    }
}

/// Resolves when the leadership is gained or lost.
async fn turn(mut leadership: Leadership) -> Leadership {
    if leadership.leads() {
        leadership.lost().await;
    } else {
        leadership.gained().await;
    }
    leadership
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_named_as_their_leases() {
        assert_eq!(bucket_name(0, 1), "autoscaler-bucket-00-of-01");
        assert_eq!(bucket_name(9, 10), "autoscaler-bucket-09-of-10");
    }

    #[tokio::test]
    async fn a_key_is_ours_while_its_bucket_is() {
        let (senders, buckets): (Vec<_>, Vec<_>) = (0..2)
            .map(|number| {
                let (sender, leadership) = Leadership::channel();
                (sender, (bucket_name(number, 2), leadership))
            })
            .unzip();
        let (ownership, leads) = Ownership::new(buckets);
        let mut version = ownership.subscribe();
        let stop = Stop::new();
        let run = ownership.clone().run(|_| {}, stop.clone());
        let test = async {
            // autoscaling.md 13.9: `a/b` belongs to bucket 0 of 2, `default/hello-00001` to bucket
            // 1.
            let (first, second) = (Key::new("a", "b"), Key::new("default", "hello-00001"));
            assert!(!ownership.owns(&first) && !leads.leads());
            version.changed().await.unwrap();
            senders[0].send_replace(true);
            version.changed().await.unwrap();
            assert!(ownership.owns(&first) && !ownership.owns(&second) && leads.leads());
            senders[0].send_replace(false);
            version.changed().await.unwrap();
            assert!(!ownership.owns(&first) && !leads.leads());
            stop.trigger();
        };
        let (outcome, ()) = tokio::join!(run, test);
        outcome.unwrap();
    }
}
