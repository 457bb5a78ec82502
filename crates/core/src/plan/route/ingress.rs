//! The Ingress of a Route.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::{self, Map};
use super::{Config, Write};
use crate::api::ingress::{
    HeaderMatch, HttpPath, HttpRule, Ingress, IngressRule, IngressSpec, IngressSplit, Visibility,
};
use crate::api::route::Route;
use crate::api::text::ProtocolType;
use crate::names::{annotations, child, headers, labels, ports};
use crate::plan::networking;
use crate::traffic::host::{Host, Reach};
use crate::traffic::rollout::Rollout;
use crate::traffic::{Target, Traffic};

/// Everything an Ingress is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parent<'a> {
    pub(super) route: &'a Route,
    /// By tag.
    pub(super) hosts: &'a BTreeMap<String, Host>,
    pub(super) traffic: &'a Traffic,
    pub(super) rollout: &'a Rollout,
    pub(super) config: &'a Config<'a>,
}

impl Parent<'_> {
    /// The write that turns `live` into the wanted Ingress.
    pub(super) fn write(&self, live: Option<&Ingress>) -> Result<Option<Write<Ingress>>, String> {
        let wanted = self.ingress()?;
        Ok(match live {
            None => Some(Write::Create(wanted)),
            Some(live)
                if live.spec == wanted.spec
                    && meta::same_labels_and_annotations(&live.metadata, &wanted.metadata) =>
            {
                None
            }
            Some(_) => Some(Write::Update(wanted)),
        })
    }

    fn ingress(&self) -> Result<Ingress, String> {
        let route = &self.route.metadata;
        let mut labels = meta::labels(route).clone();
        labels.insert(labels::ROUTE.into(), meta::name(route).into());
        labels.insert(
            labels::ROUTE_NAMESPACE.into(),
            meta::namespace(route).into(),
        );
        let spec = IngressSpec {
            tls: Vec::new(),
            rules: self.rules(),
            http_option: networking::http_option(route, self.config.network)?,
        };
        let name = child::ingress(meta::name(route));
        Ok(Ingress {
            metadata: meta::child(self.route, &name, labels, self.annotations()),
            spec,
            status: None,
        })
    }

    fn annotations(&self) -> Map {
        let own = &self.route.metadata;
        let mut all = networking::ingress_annotations(own, self.config.network);
        // A Route that carries the key itself wins, as upstream has it.
        all.entry(annotations::ROLLOUT.into())
            .or_insert_with(|| self.rollout.to_json());
        let tags: BTreeMap<&str, Vec<&str>> = self
            .hosts
            .iter()
            .filter(|(tag, _)| !tag.is_empty())
            .map(|(tag, host)| {
                let public = (host.reach == Reach::World).then_some(host.shown.as_str());
                (
                    tag.as_str(),
                    std::iter::once(host.local.as_str()).chain(public).collect(),
                )
            })
            .collect();
        if !tags.is_empty() {
            let json = serde_json::to_string(&tags).expect("a map of texts serialises");
            all.insert(annotations::TAG_TO_HOST.into(), json);
        }
        all
    }

    /// For each tag, the main host first: one rule for pods, one for the world.
    fn rules(&self) -> Vec<IngressRule> {
        let mut rules = Vec::new();
        for (tag, host) in self.hosts {
            let http = HttpRule {
                paths: self.paths(tag),
            };
            rules.push(IngressRule {
                hosts: host.local_names(self.config.cluster_domain),
                visibility: Visibility::ClusterLocal,
                http: Some(http.clone()),
            });
            if host.reach == Reach::World {
                rules.push(IngressRule {
                    hosts: vec![host.shown.clone()],
                    visibility: Visibility::ExternalIP,
                    http: Some(http),
                });
            }
        }
        rules
    }

    fn paths(&self, tag: &str) -> Vec<HttpPath> {
        let mut base = HttpPath {
            splits: self.splits(tag),
            ..HttpPath::default()
        };
        if !self.config.features.tag_header_based_routing.is_enabled() {
            return vec![base];
        }
        if !tag.is_empty() {
            base.append_headers.insert(headers::TAG.into(), tag.into());
            return vec![base];
        }
        base.append_headers
            .insert(headers::DEFAULT_ROUTE.into(), "true".into());
        let by_header = self
            .hosts
            .keys()
            .filter(|tag| !tag.is_empty())
            .map(|tag| HttpPath {
                headers: BTreeMap::from([(
                    headers::TAG.to_owned(),
                    HeaderMatch { exact: tag.clone() },
                )]),
                splits: self.splits(tag),
                ..HttpPath::default()
            });
        by_header.chain([base.clone()]).collect()
    }

    fn splits(&self, tag: &str) -> Vec<IngressSplit> {
        let targets = self
            .traffic
            .groups
            .get(tag)
            .map(Vec::as_slice)
            .unwrap_or_default();
        targets
            .iter()
            .flat_map(|target| {
                let shares = self.traffic.shares(tag, target, self.rollout);
                shares
                    .into_iter()
                    .map(move |(revision, percent)| self.split(target, revision, percent))
            })
            .filter(|split| split.percent != 0)
            .collect()
    }

    fn split(&self, target: &Target, revision: &str, percent: i64) -> IngressSplit {
        let namespace = meta::namespace(&self.route.metadata);
        let port = if self.config.network.system_internal_tls {
            ports::SERVICE_HTTPS
        } else if target.protocol == ProtocolType::H2c {
            ports::SERVICE_H2C
        } else {
            ports::SERVICE_HTTP
        };
        IngressSplit {
            service_namespace: namespace.into(),
            service_name: revision.into(),
            service_port: IntOrString::Int(port.into()),
            percent,
            append_headers: Map::from([
                (headers::REVISION.into(), revision.into()),
                (headers::NAMESPACE.into(), namespace.into()),
            ]),
        }
    }
}
