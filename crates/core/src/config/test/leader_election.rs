//! `config-leader-election`.

use std::time::Duration;

use super::*;

#[test]
fn config_10_both_spellings_are_read_and_the_new_one_wins() {
    let times = |entries: &[(&str, &str)]| {
        let s = accepts::<LeaderElection>(entries);
        [s.lease_duration, s.renew_deadline, s.retry_period].map(|d| d.as_secs())
    };
    let old = [
        ("leaseDuration", "15s"),
        ("renewDeadline", "10s"),
        ("retryPeriod", "2s"),
    ];
    assert_eq!(times(&[]), [60, 40, 10]);
    assert_eq!(times(&old), [15, 10, 2]);
    let new = [
        ("lease-duration", "16s"),
        ("renew-deadline", "11s"),
        ("retry-period", "3s"),
    ];
    assert_eq!(times(&[&old[..], &new[..]].concat()), [16, 11, 3]);
}

#[test]
fn config_10_buckets_have_bounds() {
    for buckets in ["0", "11"] {
        let want = format!("buckets: value must be between 1 <= {buckets} <= 10");
        refuses::<LeaderElection>(&[("buckets", buckets)], &want);
    }
    assert_eq!(accepts::<LeaderElection>(&[("buckets", "10")]).buckets, 10);
}

#[test]
fn config_10_lease_names_are_replaced_by_their_name_in_original_case() {
    let queue = "controller.knative.dev.serving.pkg.reconciler.route.Reconciler";
    let key = format!("map-lease-prefix.{queue}");
    let s = accepts::<LeaderElection>(&[(&key, " routes ")]);
    assert_eq!(s.lease_prefixes[queue], "routes");
}

#[test]
fn config_10_times_are_not_judged_at_admission() {
    let s = accepts::<LeaderElection>(&[("lease-duration", "-1s"), ("retry-period", "1h")]);
    assert_eq!(
        (s.lease_duration, s.retry_period),
        (Duration::ZERO, Duration::from_secs(3600))
    );
}
