use jiff::SignedDuration;

use super::build::*;
use crate::api::revision::Revision;
use crate::config::gc::Gc;
use crate::plan::gc::plan;

/// A revision in reserve, unused for `hours`.
fn idle(generation: i64, hours: i64) -> Revision {
    let mut revision = revision(generation);
    let since = now() - SignedDuration::from_hours(hours);
    let meta = &mut revision.metadata;
    meta.labels
        .as_mut()
        .unwrap()
        .insert("serving.knative.dev/routingState".into(), "reserve".into());
    meta.annotations.as_mut().unwrap().insert(
        "serving.knative.dev/routingStateModified".into(),
        since.to_string(),
    );
    meta.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(since));
    revision
}

fn rules(min: usize, max: Option<usize>) -> Gc {
    let hours = |hours| Some(SignedDuration::from_hours(hours));
    Gc {
        retain_since_create_time: hours(48),
        retain_since_last_active_time: hours(15),
        min_non_active_revisions: min,
        max_non_active_revisions: max,
    }
}

#[track_caller]
fn check(revisions: Vec<Revision>, rules: &Gc, want: &[&str]) {
    let configuration = with_latest(configuration(), "hello-00009", "hello-00009");
    assert_eq!(plan(&configuration, &shared(revisions), rules, now()), want);
}

#[test]
fn stale_ones_go_oldest_first_down_to_the_minimum() {
    let all = vec![idle(1, 60), idle(2, 90), idle(3, 70), idle(4, 1)];
    check(
        all.clone(),
        &rules(0, None),
        &["hello-00002", "hello-00003", "hello-00001"],
    );
    check(
        all.clone(),
        &rules(2, None),
        &["hello-00002", "hello-00003"],
    );
    check(all, &rules(4, None), &[]);
}

#[test]
fn maximum_takes_fresh_ones_too() {
    check(
        vec![idle(1, 3), idle(2, 2), idle(3, 1)],
        &rules(0, Some(1)),
        &["hello-00001", "hello-00002"],
    );
    check(
        vec![idle(1, 60), idle(2, 2), idle(3, 1)],
        &rules(0, Some(1)),
        &["hello-00001", "hello-00002"],
    );
}

#[test]
fn what_is_in_use_or_marked_is_kept() {
    let mut marked = idle(1, 99);
    marked
        .metadata
        .annotations
        .as_mut()
        .unwrap()
        .insert("serving.knative.dev/no-gc".into(), "TRUE".into());
    let mut pending = idle(2, 99);
    pending
        .metadata
        .labels
        .as_mut()
        .unwrap()
        .remove("serving.knative.dev/routingState");
    check(
        vec![marked, pending, idle(9, 99), revision(3)],
        &rules(0, Some(0)),
        &[],
    );
}

#[test]
fn both_ages_have_to_be_reached() {
    check(vec![idle(1, 20)], &rules(0, None), &[]);
    let only_activity = Gc {
        retain_since_create_time: None,
        ..rules(0, None)
    };
    check(vec![idle(1, 20)], &only_activity, &["hello-00001"]);
}

#[test]
fn everything_disabled_deletes_nothing() {
    let off = Gc {
        retain_since_create_time: None,
        retain_since_last_active_time: None,
        ..rules(0, None)
    };
    check(vec![idle(1, 999)], &off, &[]);
}
