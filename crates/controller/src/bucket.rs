//! Buckets: the keys of a reconciler, spread over several Leases so that replicas share the work.
//!
//! Every replica runs every bucket's controller, but only the holder of its Lease works. A key belongs to one bucket,
//! and all replicas agree on which.

use std::sync::Arc;

use ebb_core::config::LeaderElection;
use ebb_core::subset;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::{Key, lease};

/// Names of the Leases of the reconciler whose work queue is called `queue`, one a bucket.
pub(crate) fn leases(queue: &str, election: &LeaderElection) -> Arc<[String]> {
    let usual = format!("controller.knative.dev.serving.pkg.reconciler.{queue}");
    let prefix = election.lease_prefixes.get(&usual).unwrap_or(&usual);
    let (component, queue) = prefix.split_once('.').unwrap_or(("controller", prefix));
    (0..election.buckets)
        .map(|bucket| lease::name(component, queue, bucket, election.buckets))
        .collect()
}

/// One of several buckets.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) names: Arc<[String]>,
    /// Which of `names` is this one.
    pub(crate) index: usize,
}

/// A reconciler that minds only its bucket's keys.
#[derive(Debug)]
pub(crate) struct Bucket<R> {
    inner: R,
    slot: Slot,
}

impl Slot {
    /// Puts a reconciler in charge of this bucket.
    pub(crate) fn bucket<R>(self, inner: R) -> Bucket<R> {
        Bucket { inner, slot: self }
    }

    fn owns(&self, key: &Key) -> bool {
        let names = self.names.iter().map(String::as_str);
        subset::choose(&key.to_string(), names, 1).first() == Some(&self.names[self.index].as_str())
    }
}

impl<R: Reconcile> Reconcile for Bucket<R> {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        if self.slot.owns(key) {
            self.inner.reconcile(key).await
        } else {
            Ok(Action::Done)
        }
    }

    fn failed(&self, key: &Key, error: &Error) {
        self.inner.failed(key, error);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Counting(AtomicUsize);

    impl Reconcile for Counting {
        async fn reconcile(&self, _: &Key) -> Result<Action, Error> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Action::Done)
        }
    }

    fn election(buckets: u32, prefix: Option<(&str, &str)>) -> LeaderElection {
        let lease_prefixes = prefix
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        LeaderElection {
            buckets,
            lease_prefixes,
            ..LeaderElection::default()
        }
    }

    #[test]
    fn leases_have_the_published_names() {
        assert_eq!(
            *leases("route.Reconciler", &election(2, None)),
            [
                "controller.knative.dev.serving.pkg.reconciler.route.reconciler.00-of-02"
                    .to_owned(),
                "controller.knative.dev.serving.pkg.reconciler.route.reconciler.01-of-02"
                    .to_owned(),
            ]
        );
        let mapped = election(
            1,
            Some((
                "controller.knative.dev.serving.pkg.reconciler.gc.reconciler",
                "mine.gc",
            )),
        );
        assert_eq!(
            *leases("gc.reconciler", &mapped),
            ["mine.gc.00-of-01".to_owned()]
        );
    }

    #[tokio::test]
    async fn each_key_is_worked_on_in_exactly_one_bucket() {
        let names = leases("route.Reconciler", &election(3, None));
        let buckets: Vec<_> = (0..3)
            .map(|index| {
                Slot {
                    names: names.clone(),
                    index,
                }
                .bucket(Counting(AtomicUsize::new(0)))
            })
            .collect();
        for i in 0..90 {
            for bucket in &buckets {
                bucket
                    .reconcile(&Key::new("ns", format!("route-{i}")))
                    .await
                    .unwrap();
            }
        }
        let counts: Vec<_> = buckets
            .iter()
            .map(|bucket| bucket.inner.0.load(Ordering::Relaxed))
            .collect();
        assert_eq!(counts.iter().sum::<usize>(), 90);
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    }
}
