//! What changed between two revision specs, as Go would print it.
//!
//! Upstream compares Go structs; the paths are made from the JSON names, which differ from Go's in
//! the first letter, a few words and the embedding of the pod spec.

use serde::Serialize;
use serde_json::Value;

use crate::api::revision::{RevisionSpec, RevisionTemplate};
use crate::go;
use crate::quantity::Amount;

/// Fields of a revision spec that are not the pod's.
const OWN: [&str; 4] = [
    "containerConcurrency",
    "timeoutSeconds",
    "responseStartTimeoutSeconds",
    "idleTimeoutSeconds",
];

/// The differences of two revision specs; `None` when they are the same.
pub(super) fn of_specs(old: &RevisionSpec, new: &RevisionSpec) -> Option<String> {
    report("{v1.RevisionSpec}", spec(old)?, spec(new)?)
}

/// The differences of two templates; `None` when they are the same.
pub(super) fn of_templates(old: &RevisionTemplate, new: &RevisionTemplate) -> Option<String> {
    let tree = |template: &RevisionTemplate| {
        Some(
            serde_json::json!({ "objectMeta": value(&template.metadata)?, "spec": spec(&template.spec)? }),
        )
    };
    report("{*v1.RevisionTemplateSpec}", tree(old)?, tree(new)?)
}

fn value(object: &impl Serialize) -> Option<Value> {
    serde_json::to_value(object).ok()
}

/// The tree with the pod's fields where Go has them.
fn spec(spec: &RevisionSpec) -> Option<Value> {
    let Value::Object(mut pod) = value(spec)? else {
        return None;
    };
    let mut own: serde_json::Map<String, Value> = OWN
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), pod.remove(*name)?)))
        .collect();
    own.insert("podSpec".to_owned(), pod.into());
    Some(own.into())
}

fn report(root: &str, old: Value, new: Value) -> Option<String> {
    let mut text = String::new();
    compare(root, Some(&old), Some(&new), &mut text);
    (!text.is_empty()).then_some(text)
}

fn compare(path: &str, old: Option<&Value>, new: Option<&Value>, text: &mut String) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                compare(
                    &format!("{path}.{}", go_name(name)),
                    old.get(name),
                    new.get(name),
                    text,
                );
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for i in 0..old.len().max(new.len()) {
                compare(&format!("{path}[{i}]"), old.get(i), new.get(i), text);
            }
        }
        (old, new) if same(old, new) => {}
        (old, new) => {
            text.push_str(&format!("{path}:\n"));
            for (sign, side) in [('-', old), ('+', new)] {
                if let Some(side) = side {
                    text.push_str(&format!("\t{sign}: {}\n", go::quote(&plain(side))));
                }
            }
        }
    }
}

/// Amounts are compared by what they are worth.
fn same(old: Option<&Value>, new: Option<&Value>) -> bool {
    let amount = |side: Option<&Value>| side?.as_str().and_then(|text| Amount::parse(text).ok());
    old == new || matches!((amount(old), amount(new)), (Some(old), Some(new)) if old == new)
}

fn plain(side: &Value) -> String {
    match side {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn go_name(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(yaml: &str) -> RevisionTemplate {
        serde_yaml_ng::from_str(yaml).unwrap()
    }

    #[test]
    fn a_changed_leaf_is_shown_with_both_sides() {
        let old = template("{spec: {containers: [{name: a, image: busybox}]}}");
        let new = template("{spec: {containers: [{name: a, image: helloworld}]}}");
        assert_eq!(
            of_specs(&old.spec, &new.spec).as_deref(),
            Some(
                "{v1.RevisionSpec}.PodSpec.Containers[0].Image:\n\t-: \"busybox\"\n\t+: \"helloworld\"\n"
            )
        );
        assert_eq!(
            of_templates(&old, &new).as_deref(),
            Some(
                "{*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0].Image:\n\t-: \"busybox\"\n\t+: \"helloworld\"\n"
            )
        );
    }

    #[test]
    fn amounts_worth_the_same_do_not_differ() {
        let of = |cpu: &str| {
            template(&format!(
                "{{spec: {{containers: [{{resources: {{limits: {{cpu: {cpu}}}}}}}]}}}}"
            ))
        };
        assert_eq!(of_specs(&of("1000m").spec, &of("1").spec), None);
        assert!(of_specs(&of("1000m").spec, &of("2").spec).is_some());
    }

    #[test]
    fn what_is_on_one_side_only_has_one_line() {
        let old = template("{spec: {containers: [], timeoutSeconds: 5}}");
        let new = template("{spec: {containers: []}}");
        assert_eq!(
            of_specs(&old.spec, &new.spec).as_deref(),
            Some("{v1.RevisionSpec}.TimeoutSeconds:\n\t-: \"5\"\n")
        );
    }
}
