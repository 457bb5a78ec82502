//! Reads a revision's spec: its own fields and the pod's stand side by side in one object.
//!
//! By hand, because what serde derives for such a struct copies every value twice on the way.

use std::fmt;

use k8s_openapi::api::core::v1::PodSpec;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::RevisionSpec;
use crate::api::decode::{self, decode};

impl<'de> Deserialize<'de> for RevisionSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(decode::IN_TWO, Fields)
    }
}

/// The fields that are not the pod's.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "struct RevisionSpec")]
struct Own {
    container_concurrency: Option<i64>,
    timeout_seconds: Option<i64>,
    response_start_timeout_seconds: Option<i64>,
    idle_timeout_seconds: Option<i64>,
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = RevisionSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct RevisionSpec")
    }

    /// Our own reader: the whole object for each of the parts, so nothing is copied.
    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<RevisionSpec, A::Error> {
        let missing = || A::Error::custom("a part of the spec is missing");
        let own: Own = parts.next_element()?.ok_or_else(missing)?;
        let pod: PodSpec = parts.next_element()?.ok_or_else(missing)?;
        Ok(RevisionSpec {
            pod,
            container_concurrency: own.container_concurrency,
            timeout_seconds: own.timeout_seconds,
            response_start_timeout_seconds: own.response_start_timeout_seconds,
            idle_timeout_seconds: own.idle_timeout_seconds,
        })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<RevisionSpec, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<RevisionSpec, A::Error> {
        let mut spec = RevisionSpec::default();
        let mut pod = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            match name.as_str() {
                "containerConcurrency" => spec.container_concurrency = fields.next_value()?,
                "timeoutSeconds" => spec.timeout_seconds = fields.next_value()?,
                "responseStartTimeoutSeconds" => {
                    spec.response_start_timeout_seconds = fields.next_value()?;
                }
                "idleTimeoutSeconds" => spec.idle_timeout_seconds = fields.next_value()?,
                _ => drop(pod.insert(name, fields.next_value()?)),
            }
        }
        spec.pod = decode(&Value::Object(pod)).map_err(decode::Error::of_part)?;
        Ok(spec)
    }
}
