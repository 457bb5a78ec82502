//! Rules about PodAutoscaler.

use super::{PodAutoscaler, PodAutoscalerSpec};
use crate::admission::{Context, Findings, Validate, metadata, reference};
use crate::api::revision;

impl Validate for PodAutoscaler {
    fn validate(&self, _: Option<&Self>, cx: &Context<'_>) -> Findings {
        let mut findings = metadata::name(&self.metadata);
        findings.also(metadata::autoscaling_annotations(&self.metadata, cx));
        let mut findings = findings.under("metadata");
        findings.also(pod_autoscaler(&self.spec, cx).under("spec"));
        findings
    }
}

fn pod_autoscaler(spec: &PodAutoscalerSpec, cx: &Context<'_>) -> Findings {
    if *spec == PodAutoscalerSpec::default() {
        return Findings::missing([""]);
    }
    let mut findings = reference::validate(&spec.scale_target_ref).under("scaleTargetRef");
    findings.also(revision::concurrency(spec.container_concurrency, cx));
    findings.also(reference::protocol(&spec.protocol_type));
    findings
}
