//! Which fields of an object are set, without building a tree of it.
//!
//! Kubernetes' types write only what is set. [`Fields`] is a serializer that keeps the names and
//! looks at each value just far enough to tell an empty list from one with members.

use serde::ser::{Impossible, Serialize, SerializeStruct, Serializer};

use super::Findings;

/// Reports the fields of an object that are set and not in the list, by their names in JSON.
pub(crate) fn only_allowed(object: &impl Serialize, allowed: &[&str]) -> Findings {
    let mut others = set_fields(object);
    others.retain(|name| !allowed.contains(name));
    others.sort_unstable();
    if others.is_empty() {
        Findings::none()
    } else {
        Findings::disallowed(others)
    }
}

/// The names in JSON of the fields of an object that are set, in the order in which they are written.
pub(crate) fn set_fields(object: &impl Serialize) -> Vec<&'static str> {
    object.serialize(Fields(Vec::new())).unwrap_or_default()
}

/// Collects the names of the fields that are set.
struct Fields(Vec<&'static str>);

/// Ends the look at a value as soon as it is known whether there is anything in it. Also what
/// [`Fields`] says to anything that is no struct; there are no names then.
#[derive(Debug, thiserror::Error)]
enum Seen {
    #[error("nothing")]
    Nothing,
    #[error("something")]
    Something,
}

impl serde::ser::Error for Seen {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::Something
    }
}

impl SerializeStruct for Fields {
    type Ok = Vec<&'static str>;
    type Error = Seen;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Seen> {
        if !matches!(value.serialize(Look), Err(Seen::Nothing)) {
            self.0.push(key);
        }
        Ok(())
    }

    fn end(self) -> Result<Self::Ok, Seen> {
        Ok(self.0)
    }
}

/// Looks at one value.
struct Look;

/// The methods of a serializer that take a plain value.
macro_rules! plain {
    ($($method:ident($type:ty)),* $(,)?) => {
        $(fn $method(self, _: $type) -> Result<Self::Ok, Seen> { Err(Seen::Something) })*
    };
}

/// What both serializers have in common: all but lists, maps and structs.
macro_rules! shared {
    ($ok:ty) => {
        type Ok = $ok;
        type Error = Seen;
        type SerializeSeq = Impossible<$ok, Seen>;
        type SerializeTuple = Impossible<$ok, Seen>;
        type SerializeTupleStruct = Impossible<$ok, Seen>;
        type SerializeTupleVariant = Impossible<$ok, Seen>;
        type SerializeMap = Impossible<$ok, Seen>;
        type SerializeStructVariant = Impossible<$ok, Seen>;

        plain! {
            serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
            serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_f32(f32),
            serialize_f64(f64), serialize_char(char), serialize_str(&str), serialize_bytes(&[u8]),
            serialize_unit_struct(&'static str),
        }

        fn serialize_none(self) -> Result<$ok, Seen> {
            Err(Seen::Nothing)
        }
        fn serialize_unit(self) -> Result<$ok, Seen> {
            Err(Seen::Nothing)
        }
        fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<$ok, Seen> {
            value.serialize(self)
        }
        fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<$ok, Seen> {
            value.serialize(self)
        }
        fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<$ok, Seen> {
            Err(Seen::Something)
        }
        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<$ok, Seen> {
            Err(Seen::Something)
        }
        fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, Seen> {
            Err(if len == Some(0) { Seen::Nothing } else { Seen::Something })
        }
        fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, Seen> {
            Err(if len == Some(0) { Seen::Nothing } else { Seen::Something })
        }
        fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Seen> {
            Err(Seen::Something)
        }
        fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Seen> {
            Err(Seen::Something)
        }
        fn serialize_tuple_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleVariant, Seen> {
            Err(Seen::Something)
        }
        fn serialize_struct_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeStructVariant, Seen> {
            Err(Seen::Something)
        }
    };
}

impl Serializer for Fields {
    shared!(Vec<&'static str>);
    type SerializeStruct = Self;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Seen> {
        Ok(self)
    }
}

impl Serializer for Look {
    shared!(());
    type SerializeStruct = Impossible<(), Seen>;

    /// An object counts as set even when nothing is in it.
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Seen> {
        Err(Seen::Something)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::PodSpec;

    use super::*;

    #[test]
    fn empty_lists_and_maps_are_not_set_and_empty_objects_are() {
        let pod: PodSpec = serde_yaml_ng::from_str(
            "{containers: [], tolerations: [], nodeSelector: {}, securityContext: {}, hostIPC: false, nodeName: '', volumes: [{}]}",
        )
        .unwrap();
        assert_eq!(
            set_fields(&pod),
            ["hostIPC", "nodeName", "securityContext", "volumes"]
        );
        assert_eq!(
            only_allowed(&pod, &["volumes"]).to_string(),
            "must not set the field(s): hostIPC, nodeName, securityContext"
        );
        assert!(set_fields(&"text").is_empty());
    }
}
