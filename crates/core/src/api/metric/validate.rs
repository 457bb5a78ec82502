//! Rules about Metric.

use super::{Metric, MetricSpec};
use crate::admission::{Context, Defaults, Findings, Validate, metadata};

impl Defaults for Metric {}

impl Validate for Metric {
    fn validate(&self, _: Option<&Self>, cx: &Context<'_>) -> Findings {
        let mut findings = metadata::name(&self.metadata);
        findings.also(metadata::autoscaling_annotations(&self.metadata, cx));
        let mut findings = findings.under("metadata");
        if self.spec == MetricSpec::default() {
            findings.also(Findings::missing(["spec"]));
        }
        findings
    }
}
