//! Rules about Ingress.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{HttpOption, HttpPath, Ingress, IngressRule, IngressSpec, IngressSplit, IngressTls};
use crate::admission::{Context, Findings, Validate};

impl Validate for Ingress {
    fn validate(&self, _: Option<&Self>, _: &Context<'_>) -> Findings {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        spec(&self.spec, namespace).under("spec")
    }
}

fn spec(spec: &IngressSpec, namespace: &str) -> Findings {
    if *spec == IngressSpec::default() {
        return Findings::missing([""]);
    }
    let mut findings = Findings::none();
    if spec.rules.is_empty() {
        findings.also(Findings::missing(["rules"]));
    }
    for (i, entry) in spec.rules.iter().enumerate() {
        findings.also(rule(entry, namespace).under_index("rules", i));
    }
    for (i, entry) in spec.tls.iter().enumerate() {
        findings.also(tls(entry).under_index("tls", i));
    }
    if let HttpOption::Other(text) = &spec.http_option {
        findings.also(Findings::invalid_value(text, "httpOption"));
    }
    findings
}

fn rule(rule: &IngressRule, namespace: &str) -> Findings {
    if *rule == IngressRule::default() {
        return Findings::missing([""]);
    }
    let Some(http) = &rule.http else {
        return Findings::missing(["http"]);
    };
    if http.paths.is_empty() {
        return Findings::missing(["http.paths"]);
    }
    let paths = http.paths.iter().enumerate();
    paths
        .map(|(i, entry)| path(entry, namespace).under_index("http.paths", i))
        .collect()
}

fn path(path: &HttpPath, namespace: &str) -> Findings {
    if *path == HttpPath::default() {
        return Findings::missing([""]);
    }
    if path.splits.is_empty() {
        return Findings::missing(["splits"]);
    }
    // Only the first faulty split is reported, and then no sum.
    let mut total: i64 = 0;
    for (i, entry) in path.splits.iter().enumerate() {
        let findings = split(entry, namespace);
        if !findings.is_empty() {
            return findings.under_index("splits", i);
        }
        total += entry.percent;
    }
    let is_single_default = path.splits.len() == 1 && total == 0;
    if total != 100 && !is_single_default {
        return Findings::new(
            format!("traffic split percentage must total to 100, but was {total}"),
            ["splits"],
        );
    }
    Findings::none()
}

fn split(split: &IngressSplit, namespace: &str) -> Findings {
    if *split == IngressSplit::default() {
        return Findings::missing([""]);
    }
    let mut findings = Findings::none();
    if !(0..=100).contains(&split.percent) {
        findings.also(Findings::invalid_value(split.percent, "percent"));
    }
    if split.service_namespace.is_empty() {
        findings.also(Findings::missing(["serviceNamespace"]));
    } else if split.service_namespace != namespace {
        findings.also(Findings::new(
            "service namespace must match ingress namespace",
            ["serviceNamespace"],
        ));
    }
    if split.service_name.is_empty() {
        findings.also(Findings::missing(["serviceName"]));
    }
    if split.service_port == IntOrString::Int(0) {
        findings.also(Findings::missing(["servicePort"]));
    }
    findings
}

fn tls(tls: &IngressTls) -> Findings {
    if *tls == IngressTls::default() {
        return Findings::missing([""]);
    }
    let mut findings = Findings::none();
    if tls.secret_name.is_empty() {
        findings.also(Findings::missing(["secretName"]));
    }
    if tls.secret_namespace.is_empty() {
        findings.also(Findings::missing(["secretNamespace"]));
    }
    findings
}
