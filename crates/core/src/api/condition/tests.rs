#![allow(unreachable_pub, reason = "the macro under test writes pub types")]

use super::*;

conditions!(Cond { A, B } info { Note });

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn show(c: &Conditions<Cond>, t: Cond) -> String {
    c.get(t).map_or_else(
        || "-".into(),
        |c| format!("{}/{}/{}/{}", c.status, c.severity, c.reason, c.message),
    )
}

fn initialized() -> Conditions<Cond> {
    let mut c = Conditions::default();
    c.initialize(at(1));
    c
}

#[test]
fn initialize_makes_ready_and_dependents_unknown() {
    let c = initialized();
    let types: Vec<_> = c.as_slice().iter().map(|c| c.type_.as_str()).collect();
    assert_eq!(types, ["A", "B", "Ready"]);
    assert!(c.as_slice().iter().all(Condition::is_unknown));
}

#[test]
fn a_dependent_added_to_a_ready_object_starts_true() {
    let ready = Condition {
        type_: "Ready".into(),
        status: "True".into(),
        ..Default::default()
    };
    let mut c = Conditions::<Cond>::from(vec![ready]);
    c.initialize(at(1));
    assert!(c.is_true(Cond::A) && c.is_true(Cond::B) && c.is_ready());
}

#[test]
fn ready_turns_true_with_the_last_dependent() {
    let mut c = initialized();
    c.set(Cond::A, State::True, at(2));
    assert!(c.is_unknown(Cond::Ready));
    c.set(Cond::B, State::True, at(3));
    assert!(c.is_ready());
}

#[test]
fn a_false_dependent_takes_ready_with_it() {
    let mut c = initialized();
    c.set(Cond::A, State::failed("Why", "because"), at(2));
    assert_eq!(show(&c, Cond::Ready), "False//Why/because");
}

#[test]
fn false_outweighs_a_later_unknown() {
    let mut c = initialized();
    c.set(Cond::A, State::failed("Why", "because"), at(2));
    c.set(Cond::B, State::unknown("Wait", "later"), at(3));
    assert_eq!(show(&c, Cond::Ready), "False//Why/because");
    assert_eq!(show(&c, Cond::B), "Unknown//Wait/later");
}

#[test]
fn the_newest_false_dependent_is_shown() {
    let mut c = initialized();
    c.set(Cond::B, State::failed("First", ""), at(2));
    c.set(Cond::A, State::failed("Second", ""), at(2));
    // Both within one `now`: the order of setting still counts.
    c.set(Cond::Note, State::True, at(2));
    assert_eq!(show(&c, Cond::Ready), "False//Second/");
}

#[test]
fn a_missing_dependent_keeps_ready_unknown_without_a_reason() {
    let mut c = Conditions::<Cond>::default();
    c.set(Cond::A, State::True, at(1));
    assert_eq!(show(&c, Cond::Ready), "Unknown///");
}

#[test]
fn a_true_condition_may_keep_a_reason_and_ready_has_none() {
    let mut c = initialized();
    c.set(Cond::A, State::True, at(2));
    c.set(Cond::B, State::true_because("Off", "not enabled"), at(2));
    assert_eq!(show(&c, Cond::B), "True//Off/not enabled");
    assert_eq!(show(&c, Cond::Ready), "True///");
}

#[test]
fn an_informational_condition_does_not_move_ready() {
    let mut c = initialized();
    c.set(Cond::A, State::True, at(2));
    c.set(Cond::B, State::True, at(2));
    c.set(Cond::Note, State::failed("NoTraffic", "idle"), at(3));
    assert_eq!(show(&c, Cond::Note), "False/Info/NoTraffic/idle");
    assert!(c.is_ready());
}

#[test]
fn a_new_generation_makes_ready_unknown_or_false_while_a_dependent_is_false() {
    let mut c = initialized();
    c.set(Cond::A, State::True, at(2));
    c.set(Cond::B, State::True, at(2));
    c.expect_new_generation(at(3));
    assert_eq!(
        show(&c, Cond::Ready),
        "Unknown//NewObservedGenFailure/unsuccessfully observed a new generation"
    );

    let mut c = initialized();
    c.set(Cond::A, State::failed("Why", "because"), at(2));
    c.expect_new_generation(at(3));
    assert_eq!(
        show(&c, Cond::Ready),
        "False//NewObservedGenFailure/unsuccessfully observed a new generation"
    );
}

#[test]
fn the_same_content_keeps_its_time() {
    let mut c = initialized();
    c.set(Cond::A, State::failed("Why", "because"), at(2));
    let before = c.clone();
    c.set(Cond::A, State::failed("Why", "because"), at(9));
    assert_eq!(c, before);
}

#[test]
fn a_pass_gives_all_changes_one_time() {
    let mut before = initialized();
    before.settle_times(&Conditions::default(), at(1));
    let mut c = before.clone();
    c.set(Cond::A, State::failed("Why", "because"), at(5));
    c.set(Cond::A, State::True, at(5));
    c.set(Cond::B, State::True, at(5));
    c.set(Cond::B, State::unknown("", ""), at(5));
    c.settle_times(&before, at(6));
    let times: Vec<_> = c.as_slice().iter().map(|c| c.time().as_second()).collect();
    // A changed; B and Ready are back where they were.
    assert_eq!(times, [6, 1, 1]);
}

#[test]
fn without_dependents_ready_is_set_directly() {
    conditions!(Bare {} info {});
    let mut c = Conditions::<Bare>::default();
    c.initialize(at(1));
    c.set(Bare::Ready, State::failed("RevisionFailed", "x"), at(2));
    assert!(c.is_failed());
    c.set(Bare::Ready, State::True, at(3));
    assert!(c.is_ready());
}

#[test]
fn unknown_types_survive_and_the_list_is_plain_json() {
    let json = r#"[{"type":"Zeta","status":"True"},{"type":"A","status":"False","reason":"R","lastTransitionTime":"2026-01-02T03:04:05Z"}]"#;
    let c: Conditions<Cond> = serde_json::from_str(json).unwrap();
    let back = serde_json::to_string(&c).unwrap();
    assert_eq!(
        back,
        r#"[{"type":"A","status":"False","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"R"},{"type":"Zeta","status":"True"}]"#
    );
}
