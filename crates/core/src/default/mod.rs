//! Defaults: what an object gets that its author did not write.
//!
//! Defaulting is idempotent, since the API server may ask again after other webhooks. It refuses
//! nothing but what it cannot compute; the rules are in `crate::validate`.

mod container;
mod domain_mapping;
mod ingress;
mod pod_autoscaler;
mod revision;
mod service;
mod user;

use crate::admission::Context;
use crate::api::certificate::Certificate;
use crate::api::metric::Metric;
use crate::api::serverless_service::ServerlessService;

pub use revision::revision_spec;

/// Why defaults cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The cluster's name template does not fit this object.
    #[error("error executing template: {0}")]
    ContainerName(#[from] crate::template::Error),
}

/// A kind that has defaults.
pub trait Defaults: Sized {
    /// Fills in what is missing. `old` is the object before an update, with its own defaults
    /// filled in, so that new defaults do not look like the user's doing.
    ///
    /// # Errors
    /// [`Error`]; the object is then half filled in and must not be used.
    fn set_defaults(&mut self, old: Option<&Self>, cx: &Context<'_>) -> Result<(), Error>;
}

macro_rules! no_defaults {
    ($($kind:ty),*) => {
        $(
            impl Defaults for $kind {
                fn set_defaults(&mut self, _: Option<&Self>, _: &Context<'_>) -> Result<(), Error> {
                    Ok(())
                }
            }
        )*
    };
}

no_defaults!(Metric, ServerlessService, Certificate);

#[cfg(test)]
mod tests;
