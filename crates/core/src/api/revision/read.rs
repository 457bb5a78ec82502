//! Reads a revision's spec: its own fields and the pod's stand side by side in one object.
//!
//! By hand, because what serde derives for such a struct copies every value on the way.

use std::fmt;

use k8s_openapi::api::core::v1::PodSpec;
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::RevisionSpec;

impl<'de> Deserialize<'de> for RevisionSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("RevisionSpec", &[], Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = RevisionSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct RevisionSpec")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<RevisionSpec, A::Error> {
        let mut spec = RevisionSpec::default();
        let pod = PodFields {
            fields,
            own: &mut spec,
        };
        spec.pod = PodSpec::deserialize(MapAccessDeserializer::new(pod))?;
        Ok(spec)
    }
}

/// Hands on what is the pod's and takes out the rest.
struct PodFields<'a, A> {
    fields: A,
    /// Where the rest goes.
    own: &'a mut RevisionSpec,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for PodFields<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Self { fields, own } = self;
        while let Some(name) = fields.next_key::<String>()? {
            let own = match name.as_str() {
                "containerConcurrency" => &mut own.container_concurrency,
                "timeoutSeconds" => &mut own.timeout_seconds,
                "responseStartTimeoutSeconds" => &mut own.response_start_timeout_seconds,
                "idleTimeoutSeconds" => &mut own.idle_timeout_seconds,
                _ => return seed.deserialize(StringDeserializer::new(name)).map(Some),
            };
            *own = fields.next_value()?;
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.fields.next_value_seed(seed)
    }
}
