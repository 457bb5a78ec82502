//! `config-leader-election`: how replicas agree on who works. Read when a process starts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Reader, Settings};

/// The most buckets that the keys of a reconciler may be spread over.
pub const MAX_BUCKETS: u32 = 10;

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderElection {
    /// How long a lease holds without being renewed.
    pub lease_duration: Duration,
    /// How long the holder tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// The pause between tries.
    pub retry_period: Duration,
    /// How many leases the keys of a reconciler are spread over.
    pub buckets: u32,
    /// Lease names by what they would have been, before lower-casing.
    pub lease_prefixes: BTreeMap<String, String>,
}

impl Default for LeaderElection {
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(60),
            renew_deadline: Duration::from_secs(40),
            retry_period: Duration::from_secs(10),
            buckets: 1,
            lease_prefixes: BTreeMap::new(),
        }
    }
}

impl Settings for LeaderElection {
    const NAME: &'static str = "config-leader-election";

    fn read(r: &mut Reader<'_>) -> Self {
        let mut s = Self::default();
        for (keys, field) in [
            (["leaseDuration", "lease-duration"], &mut s.lease_duration),
            (["renewDeadline", "renew-deadline"], &mut s.renew_deadline),
            (["retryPeriod", "retry-period"], &mut s.retry_period),
        ] {
            let mut value = SignedDuration::try_from(*field).unwrap_or(SignedDuration::MAX);
            r.read(&keys, &mut value);
            // Upstream does not look at the sign; a negative time has no sense, so none at all is taken.
            *field = Duration::try_from(value).unwrap_or_default();
        }
        r.read(&["buckets"], &mut s.buckets);
        let buckets = s.buckets;
        r.require((1..=MAX_BUCKETS).contains(&buckets), &["buckets"], || {
            format!("buckets: value must be between 1 <= {buckets} <= {MAX_BUCKETS}")
        });
        s.lease_prefixes = r
            .all("map-lease-prefix.")
            .into_iter()
            .map(|(name, prefix)| (name.to_owned(), prefix.trim().to_owned()))
            .collect();
        s
    }
}
