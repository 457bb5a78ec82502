//! Compares a wish with an object: does the object already say all of it, and does the manager own nothing beyond it?
//!
//! Both answers err on one side. "Yes" is certain. "No" may be wrong where the server defaults or normalises inside a
//! list, and the caller copes with that.

use serde_json::{Map, Value};

/// Removes members that are null, at every depth. Apply takes a null as "not mentioned", and so do we.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Whether `live` says everything that `wish` says. Members of objects that only `live` has do not matter; lists must
/// have the same length and order, as we cannot see which of them merge.
pub fn covers(live: &Value, wish: &Value) -> bool {
    match (live, wish) {
        (Value::Object(live), Value::Object(wish)) => {
            wish.iter().all(|(name, wanted)| match live.get(name) {
                Some(found) => covers(found, wanted),
                None => says_nothing(wanted),
            })
        }
        (Value::Array(live), Value::Array(wish)) => {
            live.len() == wish.len() && live.iter().zip(wish).all(|(live, wish)| covers(live, wish))
        }
        (Value::Number(live), Value::Number(wish)) => {
            live == wish || live.as_f64() == wish.as_f64()
        }
        (live, wish) => live == wish,
    }
}

/// Null, `{}` and `[]` are usually left out by the server.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().all(says_nothing),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// The part of `live` that `wish` talks about, lists as a whole.
pub fn project(live: &Value, wish: &Value) -> Value {
    match (live, wish) {
        (Value::Object(live), Value::Object(wish)) => {
            let mut part = Map::new();
            for (name, wanted) in wish {
                if let Some(found) = live.get(name) {
                    part.insert(name.clone(), project(found, wanted));
                }
            }
            Value::Object(part)
        }
        (live, _) => live.clone(),
    }
}

/// Whether the field set `owned` (`fieldsV1` of one manager) has a field that `wish` does not mention: one that was
/// applied earlier and has to go.
pub fn owns_beyond(owned: &Value, wish: &Value) -> bool {
    let Value::Object(owned) = owned else {
        return false;
    };
    owned
        .iter()
        .any(|(step, below)| match step.split_once(':') {
            Some(("f", name)) => match wish.get(name) {
                Some(wanted) => owns_beyond(below, wanted),
                None => true,
            },
            Some(("k", keys)) => match element(wish, keys) {
                Some(wanted) => owns_beyond(below, wanted),
                None => true,
            },
            Some(("v", item)) => {
                let item: Option<Value> = serde_json::from_str(item).ok();
                !wish
                    .as_array()
                    .is_some_and(|items| item.is_some_and(|item| items.contains(&item)))
            }
            // "." says that the parent itself is owned; indexes are not used by the server any more.
            _ => false,
        })
}

/// The element of the list `wish` that the key part of a field path means. A key that the element leaves to its
/// default fits any value.
fn element<'a>(wish: &'a Value, keys: &str) -> Option<&'a Value> {
    let Ok(Value::Object(keys)) = serde_json::from_str(keys) else {
        return None;
    };
    wish.as_array()?.iter().find(|item| {
        keys.iter()
            .all(|(name, value)| item.get(name).is_none_or(|own| covers(own, value)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_with_defaults_covers_the_wish() {
        let live = json!({"spec": {"type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP", "name": "http"}]}});
        assert!(covers(
            &live,
            &json!({"spec": {"ports": [{"port": 80, "name": "http"}]}, "data": {}})
        ));
        assert!(!covers(
            &live,
            &json!({"spec": {"ports": [{"port": 81, "name": "http"}]}})
        ));
        assert!(!covers(&live, &json!({"spec": {"ports": []}})));
        assert!(!covers(&live, &json!({"spec": {"clusterIP": "None"}})));
    }

    #[test]
    fn numbers_are_equal_by_value() {
        assert!(covers(&json!({"x": 1.0}), &json!({"x": 1})));
    }

    #[test]
    fn a_field_applied_earlier_is_noticed() {
        let owned = json!({"f:metadata": {"f:labels": {"f:a": {}, "f:b": {}}}});
        assert!(owns_beyond(
            &owned,
            &json!({"metadata": {"labels": {"a": "1"}}})
        ));
        assert!(!owns_beyond(
            &owned,
            &json!({"metadata": {"labels": {"a": "1", "b": "2"}}})
        ));
    }

    #[test]
    fn list_elements_are_found_by_key_and_by_value() {
        let owned = json!({"f:spec": {
            "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}}},
            "f:finalizers": {"v:\"x/y\"": {}},
        }});
        let wish =
            json!({"spec": {"ports": [{"name": "http", "port": 80}], "finalizers": ["x/y"]}});
        assert!(!owns_beyond(&owned, &wish));
        assert!(owns_beyond(
            &owned,
            &json!({"spec": {"ports": [{"name": "http", "port": 81}], "finalizers": ["x/y"]}})
        ));
        assert!(owns_beyond(
            &owned,
            &json!({"spec": {"ports": [{"name": "http", "port": 80}], "finalizers": []}})
        ));
    }
}
