//! JSON patches (RFC 6902) from one tree to another.

use serde::Serialize;
use serde_json::{Map, Value};

/// One step of a patch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// Puts a value where there was none.
    Add {
        /// JSON pointer.
        path: String,
        /// The value.
        value: Value,
    },
    /// Takes a value away.
    Remove {
        /// JSON pointer.
        path: String,
    },
    /// Puts a value in the place of another.
    Replace {
        /// JSON pointer.
        path: String,
        /// The value.
        value: Value,
    },
}

/// The steps that turn `from` into `to`. Lists of differing length are replaced as a whole.
#[must_use]
pub fn diff(from: &Value, to: &Value) -> Vec<Operation> {
    let mut steps = Vec::new();
    compare(String::new(), from, to, &mut steps);
    steps
}

fn compare(path: String, from: &Value, to: &Value, steps: &mut Vec<Operation>) {
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => compare_objects(&path, from, to, steps),
        (Value::Array(from), Value::Array(to)) if from.len() == to.len() => {
            for (i, (from, to)) in from.iter().zip(to).enumerate() {
                compare(format!("{path}/{i}"), from, to, steps);
            }
        }
        _ if from == to => {}
        _ => steps.push(Operation::Replace {
            path,
            value: to.clone(),
        }),
    }
}

fn compare_objects(
    path: &str,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
    steps: &mut Vec<Operation>,
) {
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        steps.push(Operation::Remove {
            path: below(path, name),
        });
    }
    for (name, value) in to {
        match from.get(name) {
            Some(old) => compare(below(path, name), old, value, steps),
            None => steps.push(Operation::Add {
                path: below(path, name),
                value: value.clone(),
            }),
        }
    }
}

fn below(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Applies a patch in the plainest way.
    fn apply(mut tree: Value, steps: &[Operation]) -> Value {
        for step in steps {
            let (path, value) = match step {
                Operation::Add { path, value } | Operation::Replace { path, value } => {
                    (path, Some(value.clone()))
                }
                Operation::Remove { path } => (path, None),
            };
            let Some((parent, name)) = path.rsplit_once('/') else {
                tree = value.unwrap();
                continue;
            };
            let name = name.replace("~1", "/").replace("~0", "~");
            match (tree.pointer_mut(parent).unwrap(), value) {
                (Value::Object(fields), Some(value)) => drop(fields.insert(name, value)),
                (Value::Object(fields), None) => drop(fields.remove(&name)),
                (Value::Array(items), Some(value)) => items[name.parse::<usize>().unwrap()] = value,
                other => panic!("{other:?}"),
            }
        }
        tree
    }

    #[test]
    fn equal_trees_need_no_steps() {
        let tree = json!({"a": [1, {"b": null}], "c": "d"});
        assert_eq!(diff(&tree, &tree), []);
    }

    #[test]
    fn steps_are_written_as_the_standard_says() {
        let steps = diff(
            &json!({"a/b": 1, "c": {"d": [1]}}),
            &json!({"c": {"d": [2]}, "e~": {}}),
        );
        assert_eq!(
            serde_json::to_value(steps).unwrap(),
            json!([
                {"op": "remove", "path": "/a~1b"},
                {"op": "replace", "path": "/c/d/0", "value": 2},
                {"op": "add", "path": "/e~0", "value": {}},
            ])
        );
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3).prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab/~]{1,2}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_patch_leads_to_the_other_tree(from in tree(), to in tree()) {
            let steps = diff(&from, &to);
            prop_assert_eq!(apply(from, &steps), to);
        }
    }
}
