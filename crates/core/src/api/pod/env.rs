//! Rules about a container's environment.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EnvVarSource};

use super::Role;
use super::amount::amount;
use super::fields::{ENV, ENV_FROM, ENV_SOURCE, only_open};
use crate::admission::Findings;
use crate::config::Features;
use crate::go;

/// All rules about single variables; paths are indexes.
pub(super) fn variables(list: &[EnvVar], role: Role, features: &Features) -> Findings {
    let mut findings = Findings::none();
    for (i, entry) in list.iter().enumerate() {
        let own = variable(entry, role, features);
        // There are many of them, and next to none has a fault.
        if !own.is_empty() {
            findings.also(own.under(&format!("[{i}]")));
        }
    }
    findings
}

fn variable(variable: &EnvVar, role: Role, features: &Features) -> Findings {
    let mut findings = only_open(variable, ENV, features, &[]);
    findings.also(name(&variable.name, role));
    if let Some(from) = &variable.value_from {
        findings.also(source(from, features).under("valueFrom"));
    }
    findings
}

fn name(name: &str, role: Role) -> Findings {
    let is_reserved = match name {
        "" => return Findings::missing(["name"]),
        "K_SERVICE" | "K_CONFIGURATION" | "K_REVISION" => true,
        // Only the serving container is told a port.
        "PORT" => role == Role::Serving,
        _ => false,
    };
    if !is_reserved {
        return Findings::none();
    }
    let message = format!("{} is a reserved environment variable", go::quote(name));
    Findings::new(message, ["name"])
}

fn source(from: &EnvVarSource, features: &Features) -> Findings {
    let mut findings = only_open(from, ENV_SOURCE, features, &[]);
    let resource = from.resource_field_ref.as_ref();
    if let Some(divisor) = resource.and_then(|resource| resource.divisor.as_ref()) {
        findings.also(amount(divisor, "resourceFieldRef.divisor"));
    }
    findings
}

/// All rules about whole sets of variables. Upstream puts the place of a source in front of what was
/// found in those before it, and gives no index otherwise; users' scripts look for that.
pub(super) fn sources(list: &[EnvFromSource], features: &Features) -> Findings {
    let mut findings = Findings::none();
    for (i, source) in list.iter().enumerate() {
        findings.also(only_open(source, ENV_FROM, features, &[]).under(&format!("[{i}]")));
        if source.config_map_ref.is_some() {
            findings = findings.under_index("configMapRef", i);
        }
        if source.secret_ref.is_some() {
            findings = findings.under_index("secretRef", i);
        }
        findings.also(exactly_one(source));
    }
    findings
}

fn exactly_one(source: &EnvFromSource) -> Findings {
    let names = ["configMapRef", "secretRef"];
    match (&source.config_map_ref, &source.secret_ref) {
        (None, None) => Findings::neither(names),
        (Some(_), Some(_)) => Findings::both(names),
        _ => Findings::none(),
    }
}
