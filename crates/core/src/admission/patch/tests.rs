//! Patches, by example and by what they are for.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde_json::json;

use super::*;

fn steps(from: &Value, to: &impl Serialize) -> Vec<Operation> {
    diff("", Some(&Node::deserialize(from).unwrap()), to).unwrap()
}

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
    assert_eq!(steps(&tree, &tree), []);
}

#[test]
fn steps_are_written_as_the_standard_says() {
    let steps = steps(
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
    let written = json!({"b": 1});
    assert_eq!(
        diff(
            "/a",
            Some(&Node::deserialize(&written).unwrap()),
            &json!({"b": 2})
        )
        .unwrap(),
        [Operation::Replace {
            path: path("/a/b"),
            value: 2.into()
        }]
    );
    assert_eq!(
        diff("/a", None, &json!({})).unwrap(),
        [Operation::Add {
            path: path("/a"),
            value: json!({})
        }]
    );
}

#[test]
fn lists_that_nobody_wrote_are_left_out_wherever_they_are() {
    let written = json!({"kept": [], "null": null, "items": [{"a": []}]});
    let typed = json!({"kept": [], "null": [], "new": [], "items": [{"a": []}, {"a": []}], "object": {"a": []}});
    assert_eq!(
        serde_json::to_value(steps(&written, &typed)).unwrap(),
        json!([
            {"op": "replace", "path": "/items", "value": [{"a": []}, {}]},
            {"op": "replace", "path": "/null", "value": []},
            {"op": "add", "path": "/object", "value": {}},
        ])
    );
}

#[test]
fn numbers_of_another_sort_are_another_value() {
    assert_eq!(steps(&json!([1, 1.0, -1]), &(1, 1.0, -1)), []);
    assert_eq!(steps(&json!([1, 1.0, 0.5]), &[1.0, 1.0, 0.5]).len(), 1);
    assert_eq!(
        steps(&json!({"a": 0.1_f32}), &BTreeMap::from([("a", 0.1_f32)])),
        []
    );
}

#[test]
fn forms_that_are_not_looked_into_are_compared_as_a_whole() {
    #[derive(Serialize)]
    enum Choice {
        Plain,
        Number(i32),
        Struct { a: i32 },
    }
    let all = vec![Choice::Plain, Choice::Number(1), Choice::Struct { a: 2 }];
    let written = |a: i32| json!(["Plain", {"Number": 1}, {"Struct": {"a": a}}]);
    assert_eq!(steps(&written(2), &all), []);
    let other = Operation::Replace {
        path: "/2".to_owned(),
        value: json!({"Struct": {"a": 2}}),
    };
    assert_eq!(steps(&written(3), &all), [other]);
    assert_eq!(steps(&json!({"1": "a"}), &BTreeMap::from([(1, 'a')])), []);
    let nameless = BTreeMap::from([((1, 2), 3)]);
    assert!(diff("", Some(&Node::Null), &nameless).is_err());
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

/// Writes the members of its objects the other way round, and does not say how many there are.
struct Reversed<'a>(&'a Value);

impl Serialize for Reversed<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(None)?;
                for item in items {
                    list.serialize_element(&Reversed(item))?;
                }
                list.end()
            }
            Value::Object(members) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in members.iter().rev() {
                    map.serialize_entry(name, &Reversed(value))?;
                }
                map.end()
            }
            leaf => leaf.serialize(serializer),
        }
    }
}

proptest! {
    #[test]
    fn a_patch_leads_to_the_other_tree(from in tree(), to in tree()) {
        let steps = steps(&from, &to);
        let mut wanted = to;
        leave_out_new_lists(Some(&Node::deserialize(&from).unwrap()), &mut wanted);
        prop_assert_eq!(apply(from, &steps), wanted);
    }

    #[test]
    fn the_order_in_which_a_type_writes_does_not_matter(from in tree(), to in tree()) {
        prop_assert_eq!(steps(&from, &Reversed(&to)), steps(&from, &to));
    }
}
