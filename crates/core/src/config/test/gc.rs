//! `config-gc`.

use jiff::SignedDuration;

use super::*;

#[test]
fn config_9_every_key_is_read() {
    let s = accepts::<Gc>(&[
        ("retain-since-create-time", "1h"),
        ("retain-since-last-active-time", " 0s "),
        ("min-non-active-revisions", "3"),
        ("max-non-active-revisions", "3"),
    ]);
    let want = Gc {
        retain_since_create_time: Some(SignedDuration::from_hours(1)),
        retain_since_last_active_time: Some(SignedDuration::ZERO),
        min_non_active_revisions: 3,
        max_non_active_revisions: Some(3),
    };
    assert_eq!(s, want);
}

#[test]
fn config_9_each_limit_can_be_turned_off_or_left_empty() {
    let s = accepts::<Gc>(&[
        ("retain-since-create-time", "Disabled"),
        ("retain-since-last-active-time", "DISABLED"),
        ("max-non-active-revisions", "disabled"),
        ("min-non-active-revisions", "5000"),
    ]);
    let want = Gc {
        retain_since_create_time: None,
        retain_since_last_active_time: None,
        min_non_active_revisions: 5000,
        max_non_active_revisions: None,
    };
    assert_eq!(s, want);
    let s = accepts::<Gc>(&[
        ("retain-since-create-time", ""),
        ("retain-since-last-active-time", ""),
        ("max-non-active-revisions", ""),
    ]);
    assert_eq!(s, Gc::default());
}

#[test]
fn config_9_bad_limits_are_refused() {
    for (key, value, want) in [
        (
            "retain-since-create-time",
            "-1s",
            "failed to parse retain-since-create-time: must be non-negative",
        ),
        (
            "retain-since-last-active-time",
            "2d",
            "failed to parse retain-since-last-active-time: time: unknown unit \"d\" in duration \"2d\"",
        ),
        (
            "max-non-active-revisions",
            "-1",
            "failed to parse max-non-active-revisions: strconv.ParseUint: parsing \"-1\": invalid syntax",
        ),
        (
            "min-non-active-revisions",
            "-1",
            "min-non-active-revisions must be non-negative, was: -1",
        ),
        (
            "max-non-active-revisions",
            "10",
            "min-non-active-revisions(20) must be <= max-non-active-revisions(10)",
        ),
        (
            "min-non-active-revisions",
            "",
            "failed to parse data: failed to parse \"min-non-active-revisions\": strconv.ParseInt: parsing \"\": invalid syntax",
        ),
    ] {
        refuses::<Gc>(&[(key, value)], want);
    }
}
