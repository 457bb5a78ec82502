//! Fills in an object and says which changes that takes.

use ebb_core::admission::{Defaults, PatchOperation, Policy, Verb, diff_at};
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::kinds::with_kind;
use super::review::{Request, Response};
use super::{context, decode, verb};

/// The answer, or why there is none.
pub(super) fn answer(request: &Request, policy: &Policy) -> Result<Response, String> {
    let Some(verb) = verb(request) else {
        return Ok(Response::allow());
    };
    let kind = &request.kind;
    with_kind!(kind, fill_in(request, policy, verb), else Err(format!("unhandled kind: {kind}")))
}

fn fill_in<K>(request: &Request, policy: &Policy, verb: Verb) -> Result<Response, String>
where
    K: Defaults + Resource + DeserializeOwned + Serialize,
{
    let (mut new, mut old) = decode::<K>(request)?;
    let cx = context(request, policy, verb);
    if let Some(old) = &mut old {
        // Defaults that came later must not look like the user's change.
        old.set_defaults(None, &cx)
            .map_err(|cause| cause.to_string())?;
    }
    new.set_defaults(old.as_ref(), &cx)
        .map_err(|cause| cause.to_string())?;
    let typed = serde_json::to_value(&new).map_err(|cause| cause.to_string())?;
    let written = request.object.as_ref().unwrap_or(&Value::Null);
    Ok(Response::patch(changes(written, typed)))
}

/// The steps from the object as it was written to the same with its defaults. Only what defaulting
/// may touch is looked at; the rest, above all of the metadata, keeps the spelling of whoever wrote it.
fn changes(written: &Value, mut typed: Value) -> Vec<PatchOperation> {
    let mut spec = typed["spec"].take();
    leave_out_new_lists(written.get("spec"), &mut spec);
    let mut steps = diff_at("/spec", written.get("spec"), &spec);

    let annotations = typed["metadata"]["annotations"].take();
    let metadata = written.get("metadata").filter(|value| !value.is_null());
    steps.extend(empty_members(metadata));
    if is_empty(&annotations) {
        return steps;
    }
    steps.extend(match metadata {
        Some(metadata) => diff_at(
            "/metadata/annotations",
            metadata.get("annotations").filter(|value| !is_empty(value)),
            &annotations,
        ),
        None => diff_at("/metadata", None, &json!({ "annotations": annotations })),
    });
    steps
}

/// Takes out empty lists that nobody wrote. The types write a list that must be there even when it is
/// absent; then it is for the API server's schema to ask for it.
fn leave_out_new_lists(written: Option<&Value>, typed: &mut Value) {
    match typed {
        Value::Object(fields) => {
            let written = |name: &str| written.and_then(|object| object.get(name));
            let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
            if fields.values().any(is_empty) {
                fields.retain(|name, value| !is_empty(value) || written(name).is_some());
            }
            for (name, value) in fields {
                if value.is_object() || value.is_array() {
                    leave_out_new_lists(written(name), value);
                }
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                leave_out_new_lists(written.and_then(|list| list.get(i)), item);
            }
        }
        _ => {}
    }
}

/// Takes away what says no more than its absence. Left in place it would make a server-side apply of
/// the same manifest a change each time.
fn empty_members(metadata: Option<&Value>) -> impl Iterator<Item = PatchOperation> {
    ["annotations", "finalizers", "labels", "ownerReferences"]
        .into_iter()
        .filter(move |name| {
            metadata
                .and_then(|metadata| metadata.get(name))
                .is_some_and(is_empty)
        })
        .map(|name| PatchOperation::Remove {
            path: format!("/metadata/{name}"),
        })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_members_of_the_metadata_are_left_out() {
        let written = json!({"metadata": {"name": "a", "labels": {}, "annotations": null, "finalizers": []}, "spec": {}});
        let steps = |annotations: Value| {
            let typed = json!({"metadata": {"annotations": annotations}, "spec": {}});
            serde_json::to_value(changes(&written, typed)).unwrap()
        };
        let gone = |name: &str| json!({"op": "remove", "path": format!("/metadata/{name}")});
        let all = [gone("annotations"), gone("finalizers"), gone("labels")];
        assert_eq!(steps(Value::Null), json!(all));
        let added = json!({"op": "add", "path": "/metadata/annotations", "value": {"k": "v"}});
        let [annotations, finalizers, labels] = all;
        assert_eq!(
            steps(json!({"k": "v"})),
            json!([annotations, finalizers, labels, added])
        );
    }
}
