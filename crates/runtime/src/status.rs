//! Writing status: only when it says something new.
//!
//! The rules of upstream's reconcilers: `observedGeneration` follows the generation that was looked at. A condition
//! whose status, reason, message and severity stay as they were keeps its `lastTransitionTime`; all others get one
//! common "now". Times alone are no reason to write. A conflict reads the object anew and tries again.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{Key, request};

/// Attempts on a conflict, and the pause between them.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// A status that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("Failed to update status for {:?}", key.name)]
pub struct Error {
    key: Key,
    #[source]
    source: Box<request::Failure>,
}

impl Error {
    /// What the API said.
    pub fn cause(&self) -> &kube::Error {
        &self.source.0
    }

    /// Whether somebody else kept changing the object.
    pub fn is_conflict(&self) -> bool {
        request::is_conflict(&self.source.0)
    }
}

/// What a write did.
#[derive(Debug)]
pub enum Written<K> {
    /// Nothing: the status is as wanted.
    Unchanged,
    /// It wrote; this is the object as the server has it now.
    Written(Box<K>),
    /// The object is gone, or another one has its name.
    Gone,
}

/// Writes the status of objects. Cheap to clone.
#[derive(Clone)]
pub struct StatusWriter {
    client: Client,
}

impl fmt::Debug for StatusWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusWriter").finish_non_exhaustive()
    }
}

impl StatusWriter {
    /// A writer that uses `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Makes the status of `live` equal to `status`, whose condition times and `observedGeneration` need not be set.
    ///
    /// # Errors
    /// When the API server refuses or does not answer, or after five conflicts.
    pub async fn write<K, S>(&self, live: &K, status: &S) -> Result<Written<K>, Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone,
        S: Serialize,
    {
        let key = Key::of(live);
        let error = |source| Error {
            key: key.clone(),
            source: Box::new(request::Failure(source)),
        };
        let wanted = serde_json::to_value(status)
            .map_err(kube::Error::SerdeError)
            .map_err(&error)?;
        let seen = live.meta().generation;
        let mut current = live.clone();
        let mut attempt = 1;
        loop {
            let old = status_of(&current)
                .map_err(kube::Error::SerdeError)
                .map_err(&error)?;
            let Some(new) = settle(&old, &wanted, seen, Timestamp::now()) else {
                return Ok(Written::Unchanged);
            };
            let body = json!({
                "metadata": {"resourceVersion": current.resource_version(), "uid": current.uid()},
                "status": merge_patch(&old, &new),
            });
            let params = PatchParams::default();
            match request::patch::<K, K>(
                &self.client,
                &key,
                Some("status"),
                &params,
                &Patch::Merge(&body),
            )
            .await
            {
                Ok(written) => return Ok(Written::Written(Box::new(written))),
                Err(kube::Error::Api(answer)) if answer.code == 404 => return Ok(Written::Gone),
                Err(refusal) if request::is_conflict(&refusal) && attempt < ATTEMPTS => {
                    attempt += 1;
                    tokio::time::sleep(PAUSE).await;
                    match request::get::<K>(&self.client, &key)
                        .await
                        .map_err(&error)?
                    {
                        Some(fresh) if fresh.uid() == live.uid() => current = fresh,
                        _ => return Ok(Written::Gone),
                    }
                }
                Err(refusal) => return Err(error(refusal)),
            }
        }
    }
}

fn status_of<K: Serialize>(object: &K) -> serde_json::Result<Value> {
    let mut object = serde_json::to_value(object)?;
    Ok(object.get_mut("status").map_or(Value::Null, Value::take))
}

/// The status to write, or `None` if `old` already says the same.
///
/// `wanted` gets `observedGeneration` and the times of its conditions here.
pub fn settle(
    old: &Value,
    wanted: &Value,
    generation: Option<i64>,
    now: Timestamp,
) -> Option<Value> {
    let mut new = wanted.clone();
    crate::apply::compare::drop_nulls(&mut new);
    let Value::Object(members) = &mut new else {
        return None;
    };
    if let Some(generation) = generation {
        members.insert("observedGeneration".into(), generation.into());
    }
    // Kubernetes writes these times to the second.
    let now: Value = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    let before: Vec<Value> = old
        .get("conditions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for condition in members
        .get_mut("conditions")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let kept = before.iter().find(|known| same_condition(known, condition));
        let time = kept
            .and_then(|known| known.get("lastTransitionTime"))
            .unwrap_or(&now);
        condition["lastTransitionTime"] = time.clone();
    }
    let mut known = old.clone();
    crate::apply::compare::drop_nulls(&mut known);
    (known != new).then_some(new)
}

fn same_condition(a: &Value, b: &Value) -> bool {
    // An empty text and none at all are the same thing here.
    let text = |condition: &Value, member| {
        condition
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    ["type", "status", "reason", "message", "severity"]
        .iter()
        .all(|member| text(a, member) == text(b, member))
}

/// The JSON merge patch (RFC 7396) that turns `old` into `new`.
pub fn merge_patch(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = Map::new();
    for (name, value) in new {
        match old.get(name) {
            Some(known) if known == value => {}
            Some(known) => {
                patch.insert(name.clone(), merge_patch(known, value));
            }
            None => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Service;

    use super::*;
    use crate::fake::Api;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05.6Z".parse().unwrap()
    }

    fn condition(kind: &str, status: &str, time: &str) -> Value {
        json!({"type": kind, "status": status, "lastTransitionTime": time})
    }

    #[test]
    fn only_changed_conditions_get_a_new_time() {
        let old = json!({"observedGeneration": 1, "conditions": [
            condition("A", "True", "2025-01-01T00:00:00Z"), condition("B", "Unknown", "2025-01-01T00:00:00Z")]});
        let wanted = json!({"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "False", "reason": "X"}]});
        let new = settle(&old, &wanted, Some(2), now()).unwrap();
        assert_eq!(new["observedGeneration"], 2);
        assert_eq!(
            new["conditions"][0]["lastTransitionTime"],
            "2025-01-01T00:00:00Z"
        );
        assert_eq!(
            new["conditions"][1]["lastTransitionTime"],
            "2026-01-02T03:04:05Z"
        );
    }

    #[test]
    fn times_alone_are_no_reason_to_write() {
        let old = json!({"observedGeneration": 1, "conditions": [condition("A", "True", "2025-01-01T00:00:00Z")]});
        let wanted =
            json!({"conditions": [condition("A", "True", "2030-01-01T00:00:00Z")], "url": null});
        assert_eq!(settle(&old, &wanted, Some(1), now()), None);
    }

    #[test]
    fn a_merge_patch_removes_what_is_gone() {
        let patch = merge_patch(
            &json!({"a": 1, "b": {"c": 1, "d": 2}}),
            &json!({"b": {"c": 1, "e": 3}}),
        );
        assert_eq!(patch, json!({"a": null, "b": {"d": null, "e": 3}}));
    }

    const PATH: &str = "/api/v1/namespaces/ns/services/a";

    fn service(api: &Api) -> Service {
        serde_json::from_value(api.object(PATH).unwrap()).unwrap()
    }

    fn api() -> Api {
        let api = Api::new();
        let meta = json!({"name": "a", "namespace": "ns", "generation": 3});
        api.put(
            PATH,
            json!({"metadata": meta, "status": {"loadBalancer": {}}}),
        );
        api
    }

    #[tokio::test]
    async fn a_status_is_written_once() {
        let api = api();
        let writer = StatusWriter::new(api.client());
        let wanted = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let first = writer.write(&service(&api), &wanted).await.unwrap();
        assert!(matches!(first, Written::Written(_)));
        assert_eq!(
            api.take_writes(),
            ["PATCH /api/v1/namespaces/ns/services/a/status"]
        );
        assert_eq!(api.object(PATH).unwrap()["status"]["observedGeneration"], 3);
    }

    #[tokio::test]
    async fn a_conflict_reads_anew_and_writes_on_top() {
        let api = api();
        let stale = service(&api);
        let mut changed = api.object(PATH).unwrap();
        changed["metadata"]["labels"] = json!({"touched": "yes"});
        api.put(PATH, changed);
        let wanted = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        StatusWriter::new(api.client())
            .write(&stale, &wanted)
            .await
            .unwrap();
        let object = api.object(PATH).unwrap();
        assert_eq!(object["status"]["conditions"][0]["status"], "True");
        assert_eq!(object["metadata"]["labels"]["touched"], "yes");
    }

    #[tokio::test]
    async fn an_object_that_is_gone_is_no_error() {
        let api = api();
        let stale = service(&api);
        let empty = Api::new();
        let writer = StatusWriter::new(empty.client());
        let outcome = writer.write(&stale, &json!({"x": 1})).await.unwrap();
        assert!(matches!(outcome, Written::Gone));
    }
}
