//! `config-domain`: the base domains of routes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::reader::{Reader, yaml};
use super::{Settings, example};
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
#[serde(expecting = "a map")]
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

    fn read(r: &mut Reader<'_>) -> Self {
        let mut domains = BTreeMap::new();
        for (domain, text) in r.all("") {
            if domain == example::KEY {
                continue;
            }
            match yaml(text) {
                Ok(written) => {
                    let Written { selector, type_ } = written.unwrap_or_default();
                    let selector = selector.unwrap_or_default();
                    // Everything may fall to a default domain, so it is always eligible.
                    let is_wildcard = selector.is_empty() || type_.as_deref() == Some("wildcard");
                    domains.insert(
                        domain.to_owned(),
                        Entry {
                            selector,
                            is_wildcard,
                        },
                    );
                }
                Err(cause) => r.refuse(domain, cause).hint(format!(
                    "{domain} must be empty or YAML with selector and type"
                )),
            }
        }
        Self { domains }
    }
}
