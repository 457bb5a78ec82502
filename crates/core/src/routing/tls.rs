//! Which certificates the listeners need for an Ingress (ingress.md 7).

use std::sync::Arc;

use super::host::normalize;
use crate::api::ingress::{IngressRule, IngressSpec, Visibility};

/// A Secret with a certificate and the names it is served for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Server names as clients send them, normalised; `*.` stands for any one label.
    pub hosts: Vec<Arc<str>>,
    /// Namespace of the Secret.
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
}

/// The certificates of the public listener: entries that cover all hosts of some public rule.
pub fn certificates(spec: &IngressSpec) -> Vec<Certificate> {
    let public = || {
        spec.rules
            .iter()
            .filter(|rule| rule.visibility != Visibility::ClusterLocal)
    };
    let entries = spec
        .tls
        .iter()
        .filter(|entry| public().any(|rule| covers_all(&entry.hosts, rule)));
    entries
        .map(|entry| Certificate {
            hosts: entry
                .hosts
                .iter()
                .map(|host| Arc::from(&*normalize(host)))
                .collect(),
            namespace: entry.secret_namespace.clone(),
            secret: entry.secret_name.clone(),
        })
        .collect()
}

/// Whether some entry has a certificate for all hosts of the rule.
pub(super) fn has_certificate(spec: &IngressSpec, rule: &IngressRule) -> bool {
    spec.tls.iter().any(|entry| covers_all(&entry.hosts, rule))
}

/// The wildcard name that would stand for this host: its first label replaced.
pub fn wildcard(host: &str) -> Option<String> {
    let (_, parent) = host.split_once('.')?;
    Some(format!("*.{parent}"))
}

fn covers_all(names: &[String], rule: &IngressRule) -> bool {
    !rule.hosts.is_empty() && rule.hosts.iter().all(|host| covers(names, host))
}

fn covers(names: &[String], host: &str) -> bool {
    let host = normalize(host);
    let wildcard = wildcard(&host);
    names
        .iter()
        .map(|name| normalize(name))
        .any(|name| name == host || Some(&*name) == wildcard.as_deref())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(rules: &serde_json::Value, tls: &[&str]) -> IngressSpec {
        let tls = json!([{ "hosts": tls, "secretName": "s", "secretNamespace": "ns" }]);
        serde_json::from_value(json!({ "rules": rules, "tls": tls })).unwrap()
    }

    #[test]
    fn an_entry_counts_when_it_covers_a_whole_public_rule() {
        let rules = json!([{ "hosts": ["A.example.com", "b.example.com"] }]);
        assert_eq!(certificates(&spec(&rules, &["a.example.com"])), []);
        let found = certificates(&spec(
            &rules,
            &["a.example.com", "b.example.com", "c.example.com"],
        ));
        assert_eq!((found.len(), found[0].hosts.len()), (1, 3));
        assert_eq!(certificates(&spec(&rules, &["*.example.com"])).len(), 1);
    }

    #[test]
    fn private_rules_need_no_public_certificate() {
        let rules = json!([{ "hosts": ["a.ns.svc"], "visibility": "ClusterLocal" }]);
        assert_eq!(certificates(&spec(&rules, &["a.ns.svc"])), []);
    }
}
