//! Fills in an object and says which changes that takes.

use ebb_core::admission::{Defaults, PatchOperation, Policy, Verb, diff};
use ebb_core::json::Node;
use kube::Resource;
use kube::core::object::HasSpec;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::kinds::with_kind;
use super::review::{Request, Response};
use super::{context, decode, verb};

/// The answer, or why there is none.
pub(super) fn answer(request: &Request<'_>, policy: &Policy) -> Result<Response, String> {
    let Some(verb) = verb(request) else {
        return Ok(Response::allow());
    };
    let kind = &request.kind;
    with_kind!(kind, fill_in(request, policy, verb), else Err(format!("unhandled kind: {kind}")))
}

fn fill_in<K>(request: &Request<'_>, policy: &Policy, verb: Verb) -> Result<Response, String>
where
    K: Defaults + Resource + HasSpec<Spec: Serialize> + DeserializeOwned,
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
    let written = request.object.as_ref().unwrap_or(&Node::Null);
    changes(written, &new)
        .map(Response::patch)
        .map_err(|cause| cause.to_string())
}

/// The steps from the object as it was written to the same with its defaults. Only what defaulting
/// may touch is looked at; the rest, above all of the metadata, keeps the spelling of whoever wrote it.
fn changes<K>(written: &Node<'_>, filled: &K) -> Result<Vec<PatchOperation>, serde_json::Error>
where
    K: Resource + HasSpec<Spec: Serialize>,
{
    let mut steps = diff("/spec", written.get("spec"), filled.spec())?;
    let metadata = written.get("metadata").filter(|value| !value.is_null());
    steps.extend(empty_members(metadata));
    let annotations = filled.meta().annotations.as_ref();
    let Some(annotations) = annotations.filter(|all| !all.is_empty()) else {
        return Ok(steps);
    };
    steps.extend(match metadata {
        Some(metadata) => diff(
            "/metadata/annotations",
            metadata
                .get("annotations")
                .filter(|value| !value.is_empty()),
            annotations,
        )?,
        None => diff("/metadata", None, &json!({ "annotations": annotations }))?,
    });
    Ok(steps)
}

/// Takes away what says no more than its absence. Left in place it would make a server-side apply of
/// the same manifest a change each time.
fn empty_members<'a>(metadata: Option<&'a Node<'a>>) -> impl Iterator<Item = PatchOperation> + 'a {
    ["annotations", "finalizers", "labels", "ownerReferences"]
        .into_iter()
        .filter(move |name| {
            metadata
                .and_then(|metadata| metadata.get(name))
                .is_some_and(Node::is_empty)
        })
        .map(|name| PatchOperation::Remove {
            path: format!("/metadata/{name}"),
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ebb_core::api::route::Route;
    use serde::Deserialize as _;

    use super::*;

    #[test]
    fn empty_members_of_the_metadata_are_left_out() {
        let written = json!({"metadata": {"name": "a", "labels": {}, "annotations": null, "finalizers": []}, "spec": {}});
        let steps = |annotations: Option<BTreeMap<String, String>>| {
            let mut filled = Route::default();
            filled.metadata.annotations = annotations;
            let steps = changes(&Node::deserialize(&written).unwrap(), &filled);
            serde_json::to_value(steps.unwrap()).unwrap()
        };
        let gone = |name: &str| json!({"op": "remove", "path": format!("/metadata/{name}")});
        let all = [gone("annotations"), gone("finalizers"), gone("labels")];
        assert_eq!(steps(None), json!(all));
        assert_eq!(steps(Some(BTreeMap::new())), json!(all));
        let added = json!({"op": "add", "path": "/metadata/annotations", "value": {"k": "v"}});
        let [annotations, finalizers, labels] = all;
        assert_eq!(
            steps(Some([("k".to_owned(), "v".to_owned())].into())),
            json!([annotations, finalizers, labels, added])
        );
    }
}
