//! Answers to reviews: decoding, the order of the steps and the words around findings. What the
//! defaults and rules are is in `ebb_core`.

mod config_map;
mod defaulting;
mod dry_run;
pub(crate) mod kinds;
pub(crate) mod review;
mod validation;

use ebb_core::admission::{Context, Policy, Verb};
use ebb_core::api;
use ebb_core::config::{Autoscaler, Defaults, Features};
use ebb_runtime::config::Live;
use kube::Client;
use serde::de::DeserializeOwned;

use review::{Request, Response};

/// Answers reviews with the cluster's present settings.
#[derive(Clone)]
pub(crate) struct Admitter {
    pub(crate) autoscaler: Live<Autoscaler>,
    pub(crate) defaults: Live<Defaults>,
    pub(crate) features: Live<Features>,
    pub(crate) cluster_domain: String,
    /// ConfigMaps that go by another name here, with the names they stand for.
    pub(crate) renamed: Vec<(String, &'static str)>,
    /// Where pods are tried out for dry runs; `None` leaves that step out.
    pub(crate) pods: Option<Client>,
}

impl std::fmt::Debug for Admitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admitter")
            .field("cluster_domain", &self.cluster_domain)
            .finish_non_exhaustive()
    }
}

impl Admitter {
    /// Fills in an object.
    pub(crate) fn default(&self, request: &Request<'_>) -> Response {
        match defaulting::answer(request, &self.policy()) {
            Ok(response) => response,
            Err(cause) => Response::deny(format!("mutation failed: {cause}")),
        }
    }

    /// Judges an object.
    pub(crate) async fn validate(&self, request: &Request<'_>) -> Response {
        let policy = self.policy();
        let response = match validation::answer(request, &policy) {
            Ok(response) => response,
            Err(message) => return Response::deny(message),
        };
        if !response.allowed || request.dry_run != Some(true) {
            return response;
        }
        let Some(client) = &self.pods else {
            return response;
        };
        match dry_run::try_pod(client, request, &policy).await {
            Ok(()) => response,
            Err(cause) => Response {
                warnings: response.warnings,
                ..Response::deny(format!("validation callback failed: {cause}"))
            },
        }
    }

    /// Judges a ConfigMap.
    pub(crate) fn config_map(&self, request: &Request<'_>) -> Response {
        match config_map::check(request, &self.renamed) {
            Ok(()) => Response::allow(),
            Err(cause) => Response::deny(format!("validation failed: {cause}")),
        }
    }

    /// The settings as they are now, for the whole of one request.
    fn policy(&self) -> Policy {
        Policy {
            autoscaler: self.autoscaler.get(),
            defaults: self.defaults.get(),
            features: self.features.get(),
            cluster_domain: self.cluster_domain.clone(),
        }
    }
}

/// What the request does; `None` where there is nothing to admit.
fn verb(request: &Request<'_>) -> Option<Verb> {
    match (request.operation.as_str(), request.sub_resource.as_str()) {
        ("CREATE", _) => Some(Verb::Create),
        ("UPDATE", "") => Some(Verb::Update),
        ("UPDATE", _) => Some(Verb::UpdateStatus),
        _ => None,
    }
}

fn context<'a>(request: &'a Request<'_>, policy: &'a Policy, verb: Verb) -> Context<'a> {
    Context {
        policy,
        verb,
        user: &request.user_info.username,
    }
}

/// Reads the new object and, on updates, the old one. Unknown fields are no fault.
fn decode<K: DeserializeOwned>(request: &Request<'_>) -> Result<(K, Option<K>), String> {
    let object = request.object.as_ref().filter(|object| !object.is_null());
    let object = object.ok_or_else(|| "the new object may not be nil".to_owned())?;
    let new = api::decode(object)
        .map_err(|cause| format!("cannot decode incoming new object: {cause}"))?;
    let old = match request.old_object.as_ref().filter(|old| !old.is_null()) {
        Some(old) => Some(
            api::decode(old)
                .map_err(|cause| format!("cannot decode incoming old object: {cause}"))?,
        ),
        None => None,
    };
    Ok((new, old))
}

#[cfg(test)]
pub(crate) mod tests;
