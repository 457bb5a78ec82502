//! Comparing what is there with what was expected.

use serde_json::Value;

/// Metadata that the server alone decides.
const SERVERS_OWN: [&str; 7] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "selfLink",
    "namespace",
];
/// What kubectl keeps for itself.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Stands for the user of the kubeconfig.
const USER: &str = "$USER";

/// How a stored object differs from the expected one: a line for each path.
pub(super) fn objects(expected: &Value, found: &Value, user: &str) -> Vec<String> {
    let mut expected = expected.clone();
    put_user(&mut expected, user);
    let mut lines = Vec::new();
    values("", &expected, &settled(found), &mut lines);
    lines
}

/// How two texts differ: their lines, if they are not the same.
pub(super) fn texts(expected: &str, found: &str) -> Vec<String> {
    if expected == found {
        return Vec::new();
    }
    let marked = |mark: char, text: &str| {
        text.split('\n')
            .map(|line| format!("{mark} {line}"))
            .collect::<Vec<_>>()
    };
    let mut lines = marked('-', expected);
    lines.extend(marked('+', found));
    lines
}

/// An object without what a user cannot know.
fn settled(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(meta) = object["metadata"].as_object_mut() else {
        return object;
    };
    for field in SERVERS_OWN {
        meta.remove(field);
    }
    if let (Some(Value::String(prefix)), Some(Value::String(name))) =
        (meta.get("generateName"), meta.get("name"))
        && name.starts_with(prefix.as_str())
    {
        meta.remove("name");
    }
    if let Some(Value::Object(annotations)) = meta.get_mut("annotations") {
        annotations.remove(LAST_APPLIED);
        if annotations.is_empty() {
            meta.remove("annotations");
        }
    }
    object
}

fn put_user(value: &mut Value, user: &str) {
    match value {
        Value::String(text) if text == USER => user.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| put_user(item, user)),
        Value::Object(fields) => fields.values_mut().for_each(|field| put_user(field, user)),
        _ => {}
    }
}

fn values(path: &str, expected: &Value, found: &Value, lines: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                let path = format!("{path}.{key}");
                match found.get(key) {
                    Some(found) => values(&path, value, found, lines),
                    None => lines.push(format!("- {path}: {value}")),
                }
            }
            for (key, value) in found.iter().filter(|(key, _)| !expected.contains_key(*key)) {
                lines.push(format!("+ {path}.{key}: {value}"));
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                values(&format!("{path}[{index}]"), expected, found, lines);
            }
        }
        _ if expected == found => {}
        _ => {
            lines.push(format!("- {path}: {expected}"));
            lines.push(format!("+ {path}: {found}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_differs_by_path() {
        let expected = json!({"metadata": {"annotations": {"by": "$USER"}}, "spec": {"a": [1, {"b": 2}], "c": 3}});
        let found = json!({
            "metadata": {"uid": "x", "annotations": {"by": "me", LAST_APPLIED: "{}"}},
            "spec": {"a": [1, {"b": 4}], "d": null},
        });
        assert_eq!(
            objects(&expected, &found, "me"),
            [
                "- .spec.a[1].b: 2",
                "+ .spec.a[1].b: 4",
                "- .spec.c: 3",
                "+ .spec.d: null"
            ]
        );
    }

    #[test]
    fn a_generated_name_is_the_servers() {
        let expected = json!({"metadata": {"generateName": "a-"}});
        let found = |name: &str| json!({"metadata": {"generateName": "a-", "name": name}});
        assert!(objects(&expected, &found("a-x1"), "").is_empty());
        assert_eq!(
            objects(&expected, &found("b"), ""),
            ["+ .metadata.name: \"b\""]
        );
    }

    #[test]
    fn a_text_differs_as_a_whole() {
        assert!(texts("a\nb", "a\nb").is_empty());
        assert_eq!(texts("a\nb", "a"), ["- a", "- b", "+ a"]);
    }
}
