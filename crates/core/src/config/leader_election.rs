//! `config-leader-election`: how replicas agree on who works. Read when a process starts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Data, Errors, Reader, Settings};

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

    fn parse(data: &Data) -> Result<Self, Errors> {
        let mut r = Reader::new(data);
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
        r.require((1..=MAX_BUCKETS).contains(&buckets), "buckets", || {
            format!("buckets: value must be between 1 <= {buckets} <= {MAX_BUCKETS}")
        });
        s.lease_prefixes = data
            .iter()
            .filter_map(|(key, value)| {
                Some((
                    key.strip_prefix("map-lease-prefix.")?.to_owned(),
                    value.trim().to_owned(),
                ))
            })
            .collect();
        r.finish(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test::{accepts, refuses};

    #[test]
    fn old_spellings_prefixes_and_buckets_are_read() {
        let s = accepts::<LeaderElection, 4>([
            ("leaseDuration", "15s"),
            ("retry-period", "2s"),
            ("buckets", "3"),
            ("map-lease-prefix.controller.x.Reconciler", "mine"),
        ]);
        assert_eq!(
            (
                s.lease_duration.as_secs(),
                s.renew_deadline.as_secs(),
                s.retry_period.as_secs()
            ),
            (15, 40, 2)
        );
        assert_eq!(s.buckets, 3);
        assert_eq!(s.lease_prefixes["controller.x.Reconciler"], "mine");
    }

    #[test]
    fn buckets_have_bounds() {
        refuses::<LeaderElection, 1>(
            [("buckets", "11")],
            "buckets: value must be between 1 <= 11 <= 10",
        );
        refuses::<LeaderElection, 1>(
            [("buckets", "-1")],
            "failed to parse \"buckets\": strconv.ParseUint: parsing \"-1\": invalid syntax",
        );
    }
}
