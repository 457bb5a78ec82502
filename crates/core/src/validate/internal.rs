//! Rules about PodAutoscaler, Metric, ServerlessService and Certificate.

use k8s_openapi::api::core::v1::ObjectReference;

use super::{Findings, Validate, annotations, meta, only_allowed, revision};
use crate::admission::Context;
use crate::api::certificate::{Certificate, CertificateSpec};
use crate::api::metric::{Metric, MetricSpec};
use crate::api::pod_autoscaler::{PodAutoscaler, PodAutoscalerSpec};
use crate::api::serverless_service::{Mode, ServerlessService, ServerlessServiceSpec};
use crate::api::text::ProtocolType;
use crate::syntax;

impl Validate for PodAutoscaler {
    fn validate(&self, _: Option<&Self>, cx: &Context<'_>) -> Findings {
        let mut findings = meta::name(&self.metadata);
        findings.also(meta::autoscaling_annotations(&self.metadata, cx));
        let mut findings = findings.under("metadata");
        findings.also(pod_autoscaler(&self.spec, cx).under("spec"));
        findings
    }
}

fn pod_autoscaler(spec: &PodAutoscalerSpec, cx: &Context<'_>) -> Findings {
    if *spec == PodAutoscalerSpec::default() {
        return Findings::missing([""]);
    }
    let mut findings = reference(&spec.scale_target_ref).under("scaleTargetRef");
    findings.also(revision::concurrency(spec.container_concurrency, cx));
    findings.also(protocol(&spec.protocol_type));
    findings
}

impl Validate for Metric {
    fn validate(&self, _: Option<&Self>, cx: &Context<'_>) -> Findings {
        let mut findings = meta::name(&self.metadata);
        findings.also(meta::autoscaling_annotations(&self.metadata, cx));
        let mut findings = findings.under("metadata");
        if self.spec == MetricSpec::default() {
            findings.also(Findings::missing(["spec"]));
        }
        findings
    }
}

impl Validate for ServerlessService {
    fn validate(&self, _: Option<&Self>, _: &Context<'_>) -> Findings {
        let mut findings = match &self.metadata.annotations {
            // Upstream leaves `metadata` out of this path.
            Some(all) => annotations::networking(all),
            None => Findings::none(),
        };
        findings.also(serverless_service(&self.spec).under("spec"));
        findings
    }
}

fn serverless_service(spec: &ServerlessServiceSpec) -> Findings {
    if *spec == ServerlessServiceSpec::default() {
        return Findings::missing([""]);
    }
    let mut findings = match &spec.mode {
        Mode::Serve | Mode::Proxy => Findings::none(),
        Mode::Unset => Findings::missing(["mode"]),
        Mode::Other(text) => Findings::invalid_value(text, "mode"),
    };
    if spec.num_activators < 0 {
        findings.also(Findings::invalid_value(
            spec.num_activators,
            "numActivators",
        ));
    }
    findings.also(reference(&spec.object_ref).under("objectRef"));
    findings.also(protocol(&spec.protocol_type));
    findings
}

impl Validate for Certificate {
    fn validate(&self, _: Option<&Self>, _: &Context<'_>) -> Findings {
        certificate(&self.spec).under("spec")
    }
}

fn certificate(spec: &CertificateSpec) -> Findings {
    let mut findings = Findings::none();
    if spec.dns_names.is_empty() {
        findings.also(Findings::missing(["dnsNames"]));
    }
    for (i, _) in spec
        .dns_names
        .iter()
        .enumerate()
        .filter(|(_, name)| name.is_empty())
    {
        findings.also(Findings::invalid_value("", format!("dnsNames[{i}]")));
    }
    if spec.secret_name.is_empty() {
        findings.also(Findings::missing(["secretName"]));
    }
    let is_part_of =
        |name: &String| *name == spec.domain || name.ends_with(&format!(".{}", spec.domain));
    if !spec.domain.is_empty() && !spec.dns_names.iter().any(is_part_of) {
        findings.also(Findings::invalid_value(
            "domain",
            "domain must be a suffix of, or match exactly, at least one entry in dnsNames",
        ));
    }
    findings
}

/// A reference to an object in the same namespace: apiVersion, kind and name, and nothing else.
fn reference(reference: &ObjectReference) -> Findings {
    let mut findings = only_allowed(reference, &["apiVersion", "kind", "name"]);
    type Rule = fn(&str) -> Vec<String>;
    let rules = [
        ("kind", &reference.kind, syntax::c_identifier as Rule),
        ("apiVersion", &reference.api_version, syntax::qualified_name),
        ("name", &reference.name, syntax::dns1123_label),
    ];
    for (field, text, rule) in rules {
        let text = text.as_deref().unwrap_or_default();
        if text.is_empty() {
            findings.also(Findings::missing([field]));
            continue;
        }
        let faults = rule(text);
        if !faults.is_empty() {
            findings.also(Findings::invalid_value(text, field).details(faults.join(", ")));
        }
    }
    findings
}

fn protocol(protocol: &ProtocolType) -> Findings {
    match protocol {
        ProtocolType::Http1 | ProtocolType::H2c => Findings::none(),
        ProtocolType::Unset => Findings::missing(["protocolType"]),
        ProtocolType::Other(text) => Findings::invalid_value(text, "protocolType"),
    }
}
