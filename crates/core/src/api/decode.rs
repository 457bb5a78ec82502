//! Reads an object from JSON as Go's decoder does, and says which field it stumbled over.
//!
//! Serde's derived readers differ in three ways that would show: they take a list for a struct, they
//! refuse `null` where Go sees nothing written, and Kubernetes' quantities take no bare number.
//! Unknown fields are skipped; pruning them is the schema's.

use serde::de::value::{BorrowedStrDeserializer, MapDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer as _, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::json::{Member, Members, Node};

/// The name under which Kubernetes' types ask for a quantity.
const QUANTITY: &str = "Quantity";

/// The most items that a list may have, and that all lists of an object may have together. Typed, an item can take a
/// thousand times the memory of its text: a volume of which nothing is said is 3 KB, and 3 bytes of JSON.
const LIST_LIMIT: usize = 10_000;
const ITEMS_LIMIT: usize = 50_000;

/// Reads a typed object.
///
/// # Errors
/// The first field that does not fit its type, or lists that nobody means.
pub fn decode<T: DeserializeOwned>(object: &Node<'_>) -> Result<T, Error> {
    let items = object.items();
    if items > ITEMS_LIMIT {
        return Err(Error::custom(format_args!(
            "its lists have {items} items, at most {ITEMS_LIMIT} are read"
        )));
    }
    T::deserialize(Reader(object))
}

/// What cannot be read, after the path to it: `spec.traffic[0].percent: invalid type: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(
    /// The path, each step with its dot or bracket, then a colon and the cause.
    String,
);

impl Error {
    /// The error with the step that led to it in front.
    fn at(self, step: impl std::fmt::Display) -> Self {
        Self(format!("{step}{}", self.0))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.trim_start_matches(['.', ':', ' ']))
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: std::fmt::Display>(cause: T) -> Self {
        Self(format!(": {cause}"))
    }
}

/// One value.
struct Reader<'de>(&'de Node<'de>);

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Node::Null => visitor.visit_unit(),
            Node::Bool(flag) => visitor.visit_bool(*flag),
            Node::Number(number) => number.deserialize_any(visitor).map_err(Error::custom),
            Node::Text(text) => visitor.visit_borrowed_str(text),
            Node::List(items) if items.len() > LIST_LIMIT => Err(Error::custom(format_args!(
                "a list of {} items, at most {LIST_LIMIT} are read",
                items.len()
            ))),
            Node::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Node::Object(members) => visitor.visit_map(Fields::new(members, false)),
        }
    }

    /// Only an object is a struct. Members that are `null` count as not written, and so does the whole.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let nothing = MapDeserializer::<_, Error>::new(std::iter::empty::<((), ())>());
        match self.0 {
            Node::Object(members) => visitor.visit_map(Fields::new(members, true)),
            Node::Null => visitor.visit_map(nothing),
            Node::List(_) => Err(Error::invalid_type(Unexpected::Seq, &"an object")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Node::Number(number) if name == QUANTITY => {
                visitor.visit_newtype_struct(number.to_string().into_deserializer())
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The items of a list.
struct Items<'de>(std::iter::Enumerate<std::slice::Iter<'de, Node<'de>>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let next = self.0.next().map(|(i, item)| {
            seed.deserialize(Reader(item))
                .map_err(|error| error.at(format_args!("[{i}]")))
        });
        next.transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The members of an object.
struct Fields<'de> {
    rest: std::slice::Iter<'de, Member<'de>>,
    current: Option<&'de Member<'de>>,
    skips_null: bool,
}

impl<'de> Fields<'de> {
    fn new(members: &'de Members<'de>, skips_null: bool) -> Self {
        Self {
            rest: members.as_slice().iter(),
            current: None,
            skips_null,
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let skips_null = self.skips_null;
        let next = self
            .rest
            .find(|(_, value)| !(skips_null && value.is_null()));
        self.current = next;
        next.map(|(name, _)| seed.deserialize(BorrowedStrDeserializer::new(name)))
            .transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let (name, value) = self
            .current
            .take()
            .ok_or_else(|| Error::custom("a value without a name"))?;
        seed.deserialize(Reader(value))
            .map_err(|error| error.at(format_args!(".{name}")))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::domain_mapping::DomainMapping;
    use crate::api::revision::Revision;
    use crate::api::service::Service;

    #[track_caller]
    fn refuses<T: DeserializeOwned + std::fmt::Debug>(object: Value, want: &str) {
        assert_eq!(read::<T>(&object).unwrap_err().to_string(), want);
    }

    fn read<T: DeserializeOwned>(object: &Value) -> Result<T, Error> {
        decode(&Node::deserialize(object).unwrap())
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        refuses::<Service>(
            json!({"spec": {"traffic": "all"}}),
            "spec.traffic: invalid type: string \"all\", expected a sequence",
        );
        refuses::<Service>(
            json!({"spec": {"traffic": [{"percent": 1}, {"percent": "half"}]}}),
            "spec.traffic[1].percent: invalid type: string \"half\", expected i64",
        );
        refuses::<Service>(
            json!({"spec": {"template": {"spec": {"containers": [{"image": 5}]}}}}),
            "spec.template.spec.containers[0].image: invalid type: integer `5`, expected a string",
        );
        refuses::<Revision>(
            json!({"spec": {"timeoutSeconds": 1.5}}),
            "spec.timeoutSeconds: invalid type: floating point `1.5`, expected i64",
        );
        refuses::<Revision>(
            json!("text"),
            "invalid type: string \"text\", expected struct Revision",
        );
    }

    #[test]
    fn a_list_is_no_object() {
        let want = "invalid type: sequence, expected an object";
        refuses::<DomainMapping>(
            json!({"spec": {"ref": ["Service", "a", "b", "c", "", ""]}}),
            &format!("spec.ref: {want}"),
        );
        refuses::<Service>(
            json!({"spec": {"template": []}}),
            &format!("spec.template: {want}"),
        );
        refuses::<Service>(
            json!({"spec": {"traffic": [[]]}}),
            &format!("spec.traffic[0]: {want}"),
        );
    }

    #[test]
    fn lists_have_an_end() {
        let volumes = |count: usize| json!({"spec": {"volumes": vec![json!({}); count]}});
        let revision: Revision = read(&volumes(LIST_LIMIT)).unwrap();
        assert_eq!(revision.spec.pod.volumes.unwrap().len(), LIST_LIMIT);
        refuses::<Revision>(
            volumes(LIST_LIMIT + 1),
            "spec.volumes: a list of 10001 items, at most 10000 are read",
        );
        let container = json!({"env": vec![json!({}); LIST_LIMIT]});
        refuses::<Revision>(
            json!({"spec": {"containers": vec![container; 5]}}),
            "its lists have 50005 items, at most 50000 are read",
        );
    }

    #[test]
    fn null_is_nothing_written() {
        let object = json!({
            "metadata": null,
            "spec": {"template": {"metadata": null, "spec": {"containers": null, "timeoutSeconds": null}}, "traffic": [null]},
        });
        let service: Service = read(&object).unwrap();
        assert_eq!(service.metadata, Service::default().metadata);
        assert!(service.spec.template.spec.pod.containers.is_empty());
        assert_eq!(service.spec.traffic, [Default::default()]);
    }

    #[test]
    fn a_number_is_a_quantity() {
        let object = json!({"spec": {"containers": [{"resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}],
            "volumes": [{"name": "a", "emptyDir": {"sizeLimit": 2.5}}]}});
        let pod = read::<Revision>(&object).unwrap().spec.pod;
        let limits = pod.containers[0].resources.clone().unwrap().limits.unwrap();
        assert_eq!(
            (limits["cpu"].0.as_str(), limits["memory"].0.as_str()),
            ("1", "1Gi")
        );
        let volume = &pod.volumes.unwrap()[0];
        assert_eq!(
            volume.empty_dir.clone().unwrap().size_limit.unwrap().0,
            "2.5"
        );
    }
}
