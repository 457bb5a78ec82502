//! Whether a Route's hosts have certificates.
//!
//! Certificates are not ordered yet: while the cluster asks for none, the condition says so, and where it does ask the
//! condition stays Unknown rather than promise https.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Config;
use crate::api::condition::State;
use crate::api::route::{Route, RouteCond, RouteStatus};
use crate::plan::networking;
use crate::traffic::host::{Host, Reach};

pub(super) fn judge(
    status: &mut RouteStatus,
    route: &Route,
    hosts: &BTreeMap<String, Host>,
    config: &Config<'_>,
    now: Timestamp,
) {
    let external = networking::wants_external_tls(&route.metadata, config.network);
    let local = config.network.cluster_local_domain_tls;
    let has_external_host = hosts.values().any(|host| host.reach == Reach::World);
    let state = if !external && !local {
        State::true_because("TLSNotEnabled", "external-domain-tls is not enabled")
    } else if !local && !has_external_host {
        State::true_because("TLSNotEnabled", "TLS is not enabled for cluster-local")
    } else {
        State::unknown(
            "CertificateNotReady",
            "Certificates are not provisioned by this version.",
        )
    };
    status
        .conditions
        .set(RouteCond::CertificateProvisioned, state, now);
}
