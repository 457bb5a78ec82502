//! Rules about Route.

use super::Route;
use super::traffic::{Parent, traffic};
use crate::admission::{Context, Findings, Validate, metadata};
use crate::names::labels;

impl Validate for Route {
    fn validate(&self, old: Option<&Self>, _: &Context<'_>) -> Findings {
        let mut findings = metadata::of_parent(&self.metadata);
        findings.also(metadata::label_names_owner(
            &self.metadata,
            labels::SERVICE,
            "Service",
        ));
        findings.also(metadata::rollout(&self.metadata));
        let mut findings = findings.under("metadata");
        findings.also(traffic(&self.spec.traffic, Parent::Route).under("spec"));
        if !metadata::is_owned(&self.metadata) {
            findings.also(metadata::user_annotations(
                &self.metadata,
                &self.spec,
                old.map(|old| (&old.metadata, &old.spec)),
            ));
        }
        findings
    }
}
