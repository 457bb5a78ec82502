//! `config-domain`: the base domains of routes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Data, Errors, Reader, Settings, example};
use crate::names::labels;

/// The settings: base domains with the routes they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    domains: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    selector: BTreeMap<String, String>,
    is_wildcard: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Written {
    selector: Option<BTreeMap<String, String>>,
    #[serde(rename = "type")]
    type_: Option<String>,
}

impl Domain {
    /// The base domain of a Route with these labels. What no entry is for stays inside the cluster.
    #[must_use]
    pub fn lookup(&self, labels: &BTreeMap<String, String>, cluster_domain: &str) -> String {
        let local = || format!("svc.{cluster_domain}");
        if labels
            .get(labels::VISIBILITY)
            .is_some_and(|v| v == labels::VISIBILITY_CLUSTER_LOCAL)
        {
            return local();
        }
        let matches = |entry: &Entry| entry.selector.iter().all(|(k, v)| labels.get(k) == Some(v));
        let mut best: Option<(&str, usize)> = None;
        // In order of the domain, so that the first of equals is kept.
        for (domain, entry) in self.domains.iter().filter(|(_, entry)| matches(entry)) {
            if best.is_none_or(|(_, most)| entry.selector.len() > most) {
                best = Some((domain, entry.selector.len()));
            }
        }
        best.map_or_else(local, |(domain, _)| domain.to_owned())
    }

    /// The domains that namespaces may get wildcard certificates for, sorted.
    pub fn wildcard_domains(&self) -> impl Iterator<Item = &str> {
        self.domains
            .iter()
            .filter(|(_, entry)| entry.is_wildcard)
            .map(|(domain, _)| domain.as_str())
    }
}

impl Settings for Domain {
    const NAME: &'static str = "config-domain";

    fn parse(data: &Data) -> Result<Self, Errors> {
        let mut r = Reader::new(data);
        let mut domains = BTreeMap::new();
        for (domain, text) in data.iter().filter(|(key, _)| *key != example::KEY) {
            match serde_yaml_ng::from_str::<Option<Written>>(text) {
                Ok(written) => {
                    let Written { selector, type_ } = written.unwrap_or_default();
                    let selector = selector.unwrap_or_default();
                    // Everything may fall to a default domain, so it is always eligible.
                    let is_wildcard = selector.is_empty() || type_.as_deref() == Some("wildcard");
                    domains.insert(
                        domain.clone(),
                        Entry {
                            selector,
                            is_wildcard,
                        },
                    );
                }
                Err(cause) => r.refuse(domain, cause.to_string()),
            }
        }
        r.finish(Self { domains })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test::{accepts, data};

    #[track_caller]
    fn check(domain: &Domain, labels: &[(&str, &str)], want: &str) {
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(domain.lookup(&labels, "cluster.local"), want);
    }

    #[test]
    fn the_most_specific_domain_wins_and_ties_go_by_name() {
        let domain = accepts::<Domain, 5>([
            ("_example", "anything: ["),
            ("example.org", ""),
            ("tier.example.org", "selector: {tier: internal}"),
            ("app.example.org", "selector: {app: shop}"),
            ("both.example.org", "selector: {app: shop, tier: internal}"),
        ]);
        check(&domain, &[], "example.org");
        check(&domain, &[("tier", "internal")], "tier.example.org");
        check(
            &domain,
            &[("tier", "internal"), ("app", "shop")],
            "both.example.org",
        );
        check(
            &domain,
            &[("tier", "internal"), (labels::VISIBILITY, "cluster-local")],
            "svc.cluster.local",
        );
        check(&domain, &[(labels::VISIBILITY, "other")], "example.org");
        assert_eq!(
            domain.wildcard_domains().collect::<Vec<_>>(),
            ["example.org"]
        );
    }

    #[test]
    fn what_no_entry_is_for_stays_inside() {
        check(&Domain::default(), &[], "svc.cluster.local");
        let domain =
            accepts::<Domain, 1>([("a.example.org", "{selector: {a: b}, type: wildcard}")]);
        check(&domain, &[], "svc.cluster.local");
        assert_eq!(domain.wildcard_domains().count(), 1);
    }

    #[test]
    fn each_bad_entry_is_named() {
        let errors =
            Domain::parse(&data([("a.org", "[1"), ("b.org", "x: {"), ("c.org", "")])).unwrap_err();
        let keys: Vec<_> = errors.problems().iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["a.org", "b.org"]);
    }
}
