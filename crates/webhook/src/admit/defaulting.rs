//! Fills in an object and says which changes that takes.

use ebb_core::admission::{Policy, Verb, diff};
use ebb_core::default::Defaults;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

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
    Ok(Response::patch(diff(
        written,
        &with_changes(written, typed),
    )))
}

/// The object as it was written, with the parts that defaulting may touch as they are now. The
/// rest, above all metadata, keeps the spelling of whoever wrote it.
fn with_changes(written: &Value, mut typed: Value) -> Value {
    let mut object = written.clone();
    object["spec"] = typed["spec"].take();
    let annotations = typed["metadata"]["annotations"].take();
    if !annotations.is_null() {
        object["metadata"]["annotations"] = annotations;
    }
    object
}
