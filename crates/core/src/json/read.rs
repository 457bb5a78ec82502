//! Reads a tree from anything that serde reads; from bytes in memory it borrows all text without escapes.
//!
//! How deep a tree may be is for what is read from to say: `serde_json` stops at 128 levels.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::{Member, Members, Node};

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Reading {
            items: &mut Vec::new(),
            members: &mut Vec::new(),
        }
        .deserialize(deserializer)
    }
}

/// What was read of the lists and objects that are not at their end yet. As their lengths are known at the end
/// only, they wait here, and each takes just the memory it needs.
struct Reading<'s, 'a> {
    items: &'s mut Vec<Node<'a>>,
    members: &'s mut Vec<Member<'a>>,
}

impl<'a> Reading<'_, 'a> {
    /// For a value within this one.
    fn within(&mut self) -> Reading<'_, 'a> {
        Reading {
            items: self.items,
            members: self.members,
        }
    }
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Reading<'_, 'a> {
    type Value = Node<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The name of a member.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Visitor<'de> for Reading<'_, 'a> {
    type Value = Node<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'a>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node<'a>, E> {
        Ok(Node::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node<'a>, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node<'a>, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node<'a>, E> {
        Ok(Number::from_f64(number).map_or(Node::Null, Node::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Node<'a>, A::Error> {
        let begin = self.items.len();
        while let Some(item) = list.next_element_seed(self.within())? {
            self.items.push(item);
        }
        Ok(Node::List(self.items.drain(begin..).collect()))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Node<'a>, A::Error> {
        let begin = self.members.len();
        while let Some(Name(name)) = object.next_key()? {
            let value = object.next_value_seed(self.within())?;
            self.members.push((name, value));
        }
        let members = self.members.drain(begin..).collect();
        Ok(Node::Object(Members::new(members)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Node<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn text_is_borrowed_unless_it_has_escapes() {
        let tree = read(r#"{"plain": "grün", "escaped": "a\nb", "na\u006de": 1}"#);
        assert!(matches!(
            tree.get("plain"),
            Some(Node::Text(Cow::Borrowed("grün")))
        ));
        assert!(
            matches!(tree.get("escaped"), Some(Node::Text(Cow::Owned(text))) if text == "a\nb")
        );
        assert_eq!(tree.get("name"), Some(&Node::Number(1.into())));
    }

    #[test]
    fn members_are_sorted_and_the_last_of_a_name_counts() {
        let tree = read(r#"{"b": 1, "a": 2, "b": 3, "c": 4, "b": 5, "a": 6}"#);
        let number = |number: i32| Node::Number(number.into());
        let Node::Object(members) = &tree else {
            panic!("{tree:?}")
        };
        assert_eq!(
            members.as_slice(),
            [
                ("a".into(), number(6)),
                ("b".into(), number(5)),
                ("c".into(), number(4))
            ]
        );
        assert_eq!(members.position("c"), Some(2));
        assert_eq!(tree.get("d"), None);
    }

    #[test]
    fn a_tree_has_an_end() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(serde_json::from_str::<Node<'_>>(&deep(127)).is_ok());
        let error = serde_json::from_str::<Node<'_>>(&deep(128)).unwrap_err();
        assert!(
            error.to_string().starts_with("recursion limit exceeded"),
            "{error}"
        );
    }

    #[test]
    fn many_members_in_the_worst_order_are_read_at_once() {
        let members: Vec<String> = (0..100_000)
            .rev()
            .flat_map(|n| [format!(r#""{n}":0"#), format!(r#""{}":1"#, n / 2)])
            .collect();
        let text = format!("{{{}}}", members.join(","));
        let Node::Object(members) = read(&text) else {
            panic!("it is an object")
        };
        assert_eq!(members.as_slice().len(), 100_000);
    }

    #[test]
    fn a_value_is_read_as_its_text_is() {
        let value = json!({"b": [1, -1, 1.0, null, true], "a": {"c": "text"}});
        assert_eq!(Node::deserialize(&value).unwrap(), read(&value.to_string()));
    }

    /// The same tree by `serde_json`'s reader.
    fn value(node: &Node<'_>) -> Value {
        match node {
            Node::Null => Value::Null,
            Node::Bool(flag) => (*flag).into(),
            Node::Number(number) => number.clone().into(),
            Node::Text(text) => text.as_ref().into(),
            Node::List(items) => items.iter().map(value).collect(),
            Node::Object(members) => {
                let members = members.as_slice().iter();
                members
                    .map(|(name, node)| (name.clone().into_owned(), value(node)))
                    .collect()
            }
        }
    }

    /// Texts of trees whose objects have names in any order, some of them several times.
    fn text() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "null|true|-?[1-9][0-9]{0,2}(\\.5|e2)?|0",
            r#""(a|é|\\n|\\u0061){0,2}""#
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec((r#""([ab]|\\u0061){0,2}""#, inner), 0..4).prop_map(
                    |members| {
                        let members = members
                            .iter()
                            .map(|(name, value)| format!("{name}:{value}"));
                        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                    }
                ),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_text_means_what_it_means_to_serde_json(text in text()) {
            let theirs: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(value(&read(&text)), theirs);
        }
    }
}
