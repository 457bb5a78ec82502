//! Server-side apply of everything that belongs to an installation.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::{Client, Error};

use super::{FIELD_MANAGER, api_of, told};
use crate::manifests::{CONFIG_VALIDATION, Object};

/// How long one object may be refused for reasons that pass: a definition that is not served yet, a namespace or an
/// aggregated role that is being removed, a webhook that is on its way.
const RETRY_FOR: Duration = Duration::from_secs(30);
const RETRY_EVERY: Duration = Duration::from_millis(250);

/// Applies `objects` one after the other.
pub(super) async fn all(client: &Client, objects: &[Object]) -> Result<()> {
    // Whoever changed one of our fields by hand loses: an installation says what it consists of.
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    for object in objects {
        let api = api_of(client, object);
        let deadline = Instant::now() + RETRY_FOR;
        loop {
            match api
                .patch(object.name(), &parameters, &Patch::Apply(object.value()))
                .await
            {
                Ok(_) => break,
                Err(error) if passes(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(RETRY_EVERY).await;
                }
                Err(error) => {
                    bail!(
                        "cannot apply {} {}: {}",
                        object.kind(),
                        object.name(),
                        told(&error)
                    );
                }
            }
        }
    }
    Ok(())
}

/// Removes the configuration that guards our ConfigMaps; it is applied anew at the end.
pub(super) async fn delete_config_webhook(client: &Client) -> Result<()> {
    let api = Api::<ValidatingWebhookConfiguration>::all(client.clone());
    match api
        .delete(CONFIG_VALIDATION, &DeleteParams::default())
        .await
    {
        Err(error) if !is_missing(&error) => Err(error).with_context(|| {
            format!("cannot remove the webhook configuration {CONFIG_VALIDATION}")
        }),
        _ => Ok(()),
    }
}

/// Whether the same request may well succeed a moment later.
fn passes(error: &Error) -> bool {
    match error {
        // Not found: the kind is not served yet. Conflict and forbidden: something of that name, or its namespace,
        // is being deleted.
        Error::Api(status) => matches!(status.code, 403 | 404 | 409 | 429 | 500..),
        Error::Auth(_)
        | Error::InferConfig(_)
        | Error::InferKubeconfig(_)
        | Error::SerdeError(_) => false,
        _ => true,
    }
}

/// Whether the API server says that there is no such thing.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 404)
}
