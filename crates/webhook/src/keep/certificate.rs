//! Makes a new certificate when there is none, when it does not do, or a day before it expires.

use std::time::{Duration, SystemTime};

use ebb_process::log::Chain;
use ebb_runtime::cache::Cache;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::{Key, request};
use k8s_openapi::api::core::v1::Secret;
use kube::Client;

use crate::certificate::{self, RENEWAL};

/// How often the time that is left is looked at. An hour is short against [`RENEWAL`].
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

pub(super) struct Certificate {
    pub(super) client: Client,
    pub(super) secrets: Cache<Secret>,
    /// The names that the certificate is made out to; the third one is what the API server calls.
    pub(super) host_names: Vec<String>,
}

impl Reconcile for Certificate {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        // Not made here: the installation brings it, and takes it away.
        let Some(secret) = self.secrets.by_key(key) else {
            return Ok(Action::Done);
        };
        let now = SystemTime::now();
        let host = self
            .host_names
            .get(2)
            .map(String::as_str)
            .unwrap_or_default();
        let Err(reason) = certificate::check(&secret, host, now + RENEWAL) else {
            return Ok(Action::After(LOOK_AGAIN));
        };
        tracing::info!(secret = %key, reason = %Chain(&reason), "making a new serving certificate");
        let data = certificate::make(&self.host_names, now).map_err(Error::permanent)?;
        // All at once, authority included; a conflict means that another replica was faster.
        request::replace(
            &self.client,
            &Secret {
                data: Some(data),
                ..(*secret).clone()
            },
        )
        .await?;
        Ok(Action::After(LOOK_AGAIN))
    }
}
