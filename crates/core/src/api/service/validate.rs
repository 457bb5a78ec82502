//! Rules about Service.

use super::Service;
use crate::admission::{Context, Findings, Validate, Verb, metadata};
use crate::api::revision;
use crate::api::route::traffic::{Parent, traffic};

impl Validate for Service {
    /// On a status update the object itself is not looked at: a rule that was tightened must not
    /// keep controllers from writing.
    fn validate(&self, old: Option<&Self>, cx: &Context<'_>) -> Findings {
        let mut findings = Findings::none();
        if cx.verb != Verb::UpdateStatus {
            findings.also(metadata::of_parent(&self.metadata).under("metadata"));
            findings.also(metadata::rollout(&self.metadata).under("metadata"));
            let mut spec = revision::validate_template(&self.spec.template, &self.metadata, cx);
            spec.also(traffic(&self.spec.traffic, Parent::Service));
            findings.also(spec.under("spec"));
        }
        findings.also(metadata::user_annotations(
            &self.metadata,
            &self.spec,
            old.map(|old| (&old.metadata, &old.spec)),
        ));
        findings.also(revision::kept_name(
            &self.spec.template,
            old.map(|old| &old.spec.template),
        ));
        findings
    }
}
