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
    diff_at("", Some(from), to)
}

/// The same for the part of a tree that is at `path`, a JSON pointer; `None` if nothing is there yet.
#[must_use]
pub fn diff_at(path: &str, from: Option<&Value>, to: &Value) -> Vec<Operation> {
    let mut walk = Walk {
        path: path.to_owned(),
        steps: Vec::new(),
    };
    walk.to(from, to);
    walk.steps
}

/// Where the comparison stands, and what it found. The path is spelled in one place and copied for
/// the few values that differ.
struct Walk {
    path: String,
    steps: Vec<Operation>,
}

impl Walk {
    fn to(&mut self, from: Option<&Value>, to: &Value) {
        match from {
            Some(from) => self.compare(from, to),
            None => self.steps.push(Operation::Add {
                path: self.path.clone(),
                value: to.clone(),
            }),
        }
    }

    fn compare(&mut self, from: &Value, to: &Value) {
        match (from, to) {
            (Value::Object(from), Value::Object(to)) => self.compare_objects(from, to),
            (Value::Array(from), Value::Array(to)) if from.len() == to.len() => {
                for (i, (from, to)) in from.iter().zip(to).enumerate() {
                    if !is_same_leaf(from, to) {
                        self.at(&i.to_string(), |walk| walk.compare(from, to));
                    }
                }
            }
            _ if from == to => {}
            _ => self.steps.push(Operation::Replace {
                path: self.path.clone(),
                value: to.clone(),
            }),
        }
    }

    fn compare_objects(&mut self, from: &Map<String, Value>, to: &Map<String, Value>) {
        // Most names are in both, and in the same order; then there is nothing to look up.
        let (begin, mut others, mut common) = (self.steps.len(), from.iter().peekable(), 0);
        for (name, value) in to {
            let next = others.next_if(|(other, _)| *other == name);
            let old = next.map_or_else(|| from.get(name), |(_, old)| Some(old));
            common += usize::from(old.is_some());
            if !old.is_some_and(|old| is_same_leaf(old, value)) {
                self.at(name, |walk| walk.to(old, value));
            }
        }
        if common < from.len() {
            for gone in from.keys().filter(|name| !to.contains_key(*name)) {
                self.remove(gone);
            }
            // What goes is written first.
            self.steps[begin..].rotate_right(from.len() - common);
        }
    }

    fn remove(&mut self, name: &str) {
        self.at(name, |walk| {
            let path = walk.path.clone();
            walk.steps.push(Operation::Remove { path });
        });
    }

    /// Does something one level further down.
    fn at(&mut self, name: &str, act: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('/');
        if name.contains(['~', '/']) {
            self.path
                .push_str(&name.replace('~', "~0").replace('/', "~1"));
        } else {
            self.path.push_str(name);
        }
        act(self);
        self.path.truncate(length);
    }
}

/// Whether both are the same and have no members, as most values are and do: no path is spelled then.
fn is_same_leaf(a: &Value, b: &Value) -> bool {
    !a.is_object() && !a.is_array() && a == b
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

    #[test]
    fn a_part_is_compared_in_its_place() {
        let path = |path: &str| path.to_owned();
        assert_eq!(
            diff_at("/a", Some(&json!({"b": 1})), &json!({"b": 2})),
            [Operation::Replace {
                path: path("/a/b"),
                value: 2.into()
            }]
        );
        assert_eq!(
            diff_at("/a", None, &json!({})),
            [Operation::Add {
                path: path("/a"),
                value: json!({})
            }]
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
