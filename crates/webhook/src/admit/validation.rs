//! Judges an object.

use ebb_core::admission::{Findings, Policy, Validate, Verb};
use serde::de::DeserializeOwned;

use super::kinds::with_kind;
use super::review::{Request, Response};
use super::{context, decode, verb};

/// The answer, or the whole message of a denial before any rule was asked.
pub(super) fn answer(request: &Request<'_>, policy: &Policy) -> Result<Response, String> {
    // Nothing has a rule about being deleted.
    let Some(verb) = verb(request) else {
        return Ok(Response::allow());
    };
    let kind = &request.kind;
    let findings =
        with_kind!(kind, judge(request, policy, verb), else Err(format!("unhandled kind: {kind}")))
            .map_err(|cause| format!("decoding request failed: {cause}"))?;
    let (errors, warnings) = findings.part();
    let response = if errors.is_empty() {
        Response::allow()
    } else {
        Response::deny(format!("validation failed: {errors}"))
    };
    Ok(Response {
        warnings: lines(&warnings),
        ..response
    })
}

fn judge<K: Validate + DeserializeOwned>(
    request: &Request<'_>,
    policy: &Policy,
    verb: Verb,
) -> Result<Findings, String> {
    let (new, old) = decode::<K>(request)?;
    Ok(new.validate(old.as_ref(), &context(request, policy, verb)))
}

/// A warning must be one line: the API server drops control characters.
fn lines(warnings: &Findings) -> Vec<String> {
    warnings
        .to_string()
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}
