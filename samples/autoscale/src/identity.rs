//! Who answers: so that a test can count answers by revision or by pod.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

const REVISION: HeaderName = HeaderName::from_static("x-revision");
const POD: HeaderName = HeaderName::from_static("x-pod");

/// The revision and the pod that this process belongs to; empty outside a service.
#[derive(Debug)]
pub(crate) struct Identity {
    revision: HeaderValue,
    pod: HeaderValue,
    /// `$TARGET`, for telling two configurations of one image apart.
    pub(crate) target: String,
}

impl Identity {
    pub(crate) fn from_environment() -> Self {
        let header = |name| {
            let value = std::env::var(name).unwrap_or_default();
            HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""))
        };
        Self {
            revision: header("K_REVISION"),
            pod: header("HOSTNAME"),
            target: std::env::var("TARGET").unwrap_or_default(),
        }
    }

    /// Puts the identity into the headers of an answer.
    pub(crate) fn sign(&self, headers: &mut HeaderMap) {
        headers.insert(REVISION, self.revision.clone());
        headers.insert(POD, self.pod.clone());
    }
}
