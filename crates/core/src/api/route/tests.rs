//! Defaults and rules of Route, by example.

use super::Route;
use crate::admission::Verb;
use crate::admission::testing::{accepts, judge, policy, refuses};
use crate::api::service::Service;

#[test]
fn api_8_5_traffic() {
    let route =
        |targets: &str| format!("{{metadata: {{name: shop}}, spec: {{traffic: [{targets}]}}}}");
    let check = |targets: &str, want: &str| refuses::<Route>(&route(targets), want);
    accepts::<Route>(&route(
        "{revisionName: a, percent: 100}, {configurationName: b, tag: blue}, {revisionName: a, tag: green}",
    ));
    check("", "Traffic targets sum to 0, want 100: spec.traffic");
    check(
        "{revisionName: a, percent: 101}",
        "Traffic targets sum to 101, want 100: spec.traffic\nexpected 0 <= 101 <= 100: spec.traffic[0].percent",
    );
    check(
        "{revisionName: a, configurationName: b, percent: 100}",
        "expected exactly one, got both: spec.traffic[0].configurationName, spec.traffic[0].revisionName",
    );
    check(
        "{percent: 100}",
        "expected exactly one, got neither: spec.traffic[0].configurationName, spec.traffic[0].revisionName",
    );
    check(
        "{revisionName: foo, latestRevision: true, percent: 100}",
        "may not set revisionName \"foo\" when latestRevision is true: spec.traffic[0].latestRevision",
    );
    check(
        "{configurationName: foo, latestRevision: false, percent: 100}",
        "may not set revisionName \"\" when latestRevision is false: spec.traffic[0].latestRevision",
    );
    check(
        "{revisionName: a, percent: 100, url: 'http://x'}",
        "must not set the field(s): spec.traffic[0].url",
    );
    check(
        "{revisionName: a, percent: 50, tag: blue}, {revisionName: b, percent: 50, tag: blue}",
        "Multiple definitions for \"blue\": spec.traffic[0].tag, spec.traffic[1].tag",
    );
    let text = judge::<Route>(
        &route("{revisionName: b@r, percent: 100}"),
        None,
        &policy(&[]),
        Verb::Create,
    )
    .to_string();
    assert!(
        text.starts_with(
            "invalid key name \"b@r\": spec.traffic[0].revisionName\nname part must consist of"
        ),
        "{text}"
    );
    let text = judge::<Route>(
        &route("{revisionName: b, percent: 100, tag: X}"),
        None,
        &policy(&[]),
        Verb::Create,
    )
    .to_string();
    assert!(
        text.starts_with("invalid value: not a DNS 1035 label: [")
            && text.ends_with("]: spec.traffic.tag[0]"),
        "{text}"
    );
    refuses::<Service>(
        "{metadata: {name: shop}, spec: {traffic: [{configurationName: a, percent: 100}], template: {spec: {containers: [{image: shop}]}}}}",
        "must not set the field(s): spec.traffic[0].configurationName",
    );
}
