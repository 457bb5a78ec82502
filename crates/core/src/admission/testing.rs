//! What the tests of defaults and rules share: settings, and objects taken through admission.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Context, Defaults, Findings, Policy, Validate, Verb};
use crate::config::{Features, Settings as _};

/// A Service's or Revision's spec that nobody objects to.
pub(crate) const PLAIN: &str = "{containers: [{image: shop}]}";

/// A cluster's settings with this `config-features`.
pub(crate) fn policy(features: &[(&str, &str)]) -> Policy {
    let features = features
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Policy {
        features: Arc::new(Features::parse(&features).unwrap()),
        cluster_domain: "cluster.local".to_owned(),
        ..Policy::default()
    }
}

/// An object as its author wrote it.
pub(crate) fn read<K: DeserializeOwned>(yaml: &str) -> K {
    serde_yaml_ng::from_str(yaml).unwrap_or_else(|e| panic!("{e}: {yaml}"))
}

/// The findings about an object with its defaults filled in.
pub(crate) fn judge<K: Validate + Defaults + DeserializeOwned>(
    yaml: &str,
    old: Option<&str>,
    policy: &Policy,
    verb: Verb,
) -> Findings {
    let cx = Context {
        policy,
        verb,
        user: "ada",
    };
    let fill = |yaml: &str| {
        let mut object: K = read(yaml);
        object.set_defaults(None, &cx).unwrap();
        object
    };
    fill(yaml).validate(old.map(fill).as_ref(), &cx)
}

/// The object must be refused with these words when it is created under stock settings.
#[track_caller]
pub(crate) fn refuses<K: Validate + Defaults + DeserializeOwned>(yaml: &str, want: &str) {
    let (errors, _) = judge::<K>(yaml, None, &policy(&[]), Verb::Create).part();
    assert_eq!(errors.to_string(), want, "{yaml}");
}

/// The object must pass when it is created under stock settings.
#[track_caller]
pub(crate) fn accepts<K: Validate + Defaults + DeserializeOwned>(yaml: &str) {
    refuses::<K>(yaml, "");
}

/// A Service whose template has these metadata and this spec.
pub(crate) fn service(metadata: &str, template: &str, spec: &str) -> String {
    format!(
        "{{metadata: {{name: shop, namespace: demo{metadata}}}, spec: {{template: {{metadata: {{{template}}}, spec: {spec}}}}}}}"
    )
}

/// The object as admission would leave it, defaults applied twice to show that it is enough.
pub(crate) fn filled<K: Defaults + Serialize + DeserializeOwned + Clone>(
    yaml: &str,
    old: Option<&K>,
    policy: &Policy,
    verb: Verb,
) -> Value {
    let cx = Context {
        policy,
        verb,
        user: "ada",
    };
    let mut object: K = read(yaml);
    let old = old.map(|old| {
        let mut old = old.clone();
        old.set_defaults(None, &cx).unwrap();
        old
    });
    object.set_defaults(old.as_ref(), &cx).unwrap();
    let once = serde_json::to_value(&object).unwrap();
    object.set_defaults(old.as_ref(), &cx).unwrap();
    assert_eq!(
        serde_json::to_value(&object).unwrap(),
        once,
        "not idempotent"
    );
    once
}

/// The object as a create under stock settings would leave it.
pub(crate) fn created<K: Defaults + Serialize + DeserializeOwned + Clone>(yaml: &str) -> Value {
    filled::<K>(yaml, None, &Policy::default(), Verb::Create)
}
