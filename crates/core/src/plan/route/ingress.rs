//! The Ingress of a Route.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::{self, Map};
use super::{Config, Write};
use crate::api::ingress::{
    HeaderMatch, HttpOption, HttpPath, HttpRule, Ingress, IngressRule, IngressSpec, IngressSplit,
    Visibility,
};
use crate::api::route::Route;
use crate::api::text::ProtocolType;
use crate::config::network::HttpProtocol;
use crate::names::{annotations, child, headers, labels, ports};
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
            http_option: self.http_option()?,
        };
        let name = child::ingress(meta::name(route));
        Ok(Ingress {
            metadata: meta::child(self.route, &name, labels, self.annotations()),
            spec,
            status: None,
        })
    }

    fn annotations(&self) -> Map {
        let own = meta::annotations(&self.route.metadata);
        let class = annotations::INGRESS_CLASS
            .value(own)
            .unwrap_or(&self.config.network.ingress_class);
        let mut all = Map::from([
            (
                annotations::INGRESS_CLASS.canonical().into(),
                class.to_owned(),
            ),
            (annotations::ROLLOUT.into(), self.rollout.to_json()),
        ]);
        all.extend(own.clone());
        all.remove(annotations::LAST_APPLIED);
        for key in [annotations::INGRESS_CLASS, annotations::CERTIFICATE_CLASS] {
            for alias in key.spellings().iter().skip(1) {
                all.remove(*alias);
            }
        }
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

    fn http_option(&self) -> Result<HttpOption, String> {
        let own = annotations::HTTP_PROTOCOL.value(meta::annotations(&self.route.metadata));
        match own.map(str::to_lowercase).as_deref() {
            Some("enabled") => Ok(HttpOption::Enabled),
            Some("redirected") => Ok(HttpOption::Redirected),
            Some(other) => Err(format!("incorrect http-protocol annotation: {other}")),
            None => Ok(match self.config.network.http_protocol {
                HttpProtocol::Enabled => HttpOption::Enabled,
                HttpProtocol::Redirected => HttpOption::Redirected,
                HttpProtocol::Disabled => HttpOption::Unset,
            }),
        }
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
