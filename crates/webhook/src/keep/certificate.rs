//! Makes a new certificate when there is none, and a next one a day before the current expires.
//!
//! What is to be done is decided in `rotation`; here it is waited for and written.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ebb_core::admission::Hook;
use ebb_process::log::Chain;
use ebb_runtime::cache::Cache;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::{Key, request};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use tokio::time::Instant;

use super::configurations;
use crate::rotation::{self, Step};

/// How often the time that is left is looked at. An hour is short against a day.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
/// From seeing that a configuration trusts the next certificate until every API server has seen it, too.
const SPREAD: Duration = Duration::from_secs(10);
/// From writing a new certificate until the last replica shows it.
const LINGER: Duration = Duration::from_secs(600);

pub(super) struct Certificate {
    pub(super) client: Client,
    pub(super) secrets: Cache<Secret>,
    pub(super) mutating: Cache<MutatingWebhookConfiguration>,
    pub(super) validating: Cache<ValidatingWebhookConfiguration>,
    /// The names that the certificate is made out to; the third one is what the API server calls.
    pub(super) host_names: Vec<String>,
    /// Since when the present wait lasts. A new leader waits anew.
    pub(super) waiting: Mutex<Option<(Wait, Instant)>>,
}

/// What a step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Spread,
    Linger,
}

impl Reconcile for Certificate {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        // Not made here: the installation brings it, and takes it away.
        let Some(secret) = self.secrets.by_key(key) else {
            return Ok(Action::Done);
        };
        let step = rotation::step(
            &secret,
            &self.host_names,
            |ca| self.is_trusted(ca),
            SystemTime::now(),
        );
        let data = match step.map_err(Error::permanent)? {
            Step::Rest => {
                self.forget_wait();
                return Ok(Action::After(LOOK_AGAIN));
            }
            // A change of a configuration brings us back.
            Step::Await => return Ok(Action::After(SPREAD)),
            Step::StartOver(data, reason) => {
                tracing::info!(secret = %key, reason = %Chain(&reason), "making a serving certificate");
                data
            }
            Step::Announce(data) => {
                tracing::info!(secret = %key, "serving certificate expires soon; the next one is announced");
                data
            }
            Step::Promote(data) => {
                if let Some(rest) = self.wait(Wait::Spread, SPREAD) {
                    return Ok(Action::After(rest));
                }
                tracing::info!(secret = %key, "the next serving certificate is shown from now on");
                data
            }
            Step::Forget(data) => {
                if let Some(rest) = self.wait(Wait::Linger, LINGER) {
                    return Ok(Action::After(rest));
                }
                data
            }
        };
        // All at once; a conflict means that another replica was faster.
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

impl Certificate {
    /// Whether every configuration that is there trusts this authority.
    fn is_trusted(&self, authority: &ByteString) -> bool {
        let bundles = [Hook::Defaulting, Hook::Validation, Hook::Config]
            .into_iter()
            .flat_map(|hook| configurations::bundles(hook, &self.mutating, &self.validating));
        bundles
            .into_iter()
            .all(|bundle| bundle.is_some_and(|bundle| rotation::contains(&bundle, authority)))
    }

    /// How long this wait still lasts; `None` once it is over.
    fn wait(&self, what: Wait, length: Duration) -> Option<Duration> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let since = match *waiting {
            Some((current, since)) if current == what => since,
            _ => {
                let now = Instant::now();
                *waiting = Some((what, now));
                now
            }
        };
        let rest = length
            .checked_sub(since.elapsed())
            .filter(|rest| !rest.is_zero());
        if rest.is_none() {
            *waiting = None;
        }
        rest
    }

    fn forget_wait(&self) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests;
