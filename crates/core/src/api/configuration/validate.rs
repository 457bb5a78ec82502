//! Rules about Configuration.

use super::Configuration;
use crate::admission::{Context, Findings, Validate, Verb, metadata};
use crate::api::revision;
use crate::names::labels;

impl Validate for Configuration {
    fn validate(&self, old: Option<&Self>, cx: &Context<'_>) -> Findings {
        let mut findings = Findings::none();
        if cx.verb != Verb::UpdateStatus {
            findings.also(metadata::of_parent(&self.metadata).under("metadata"));
            findings.also(
                metadata::label_names_owner(&self.metadata, labels::SERVICE, "Service")
                    .under("metadata"),
            );
            findings.also(
                revision::validate_template(&self.spec.template, &self.metadata, cx).under("spec"),
            );
        }
        if !metadata::is_owned(&self.metadata) {
            findings.also(metadata::user_annotations(
                &self.metadata,
                &self.spec,
                old.map(|old| (&old.metadata, &old.spec)),
            ));
        }
        findings.also(revision::kept_name(
            &self.spec.template,
            old.map(|old| &old.spec.template),
        ));
        findings
    }
}
