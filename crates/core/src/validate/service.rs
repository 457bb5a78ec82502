//! Rules about Service, Configuration and Route.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::traffic::{Parent, traffic};
use super::{Findings, Validate, annotations, differences, meta, revision};
use crate::admission::{Context, Verb};
use crate::api::configuration::Configuration;
use crate::api::revision::RevisionTemplate;
use crate::api::route::Route;
use crate::api::service::Service;
use crate::names::labels;

impl Validate for Service {
    /// On a status update the object itself is not looked at: a rule that was tightened must not
    /// keep controllers from writing.
    fn validate(&self, old: Option<&Self>, cx: &Context<'_>) -> Findings {
        let mut findings = Findings::none();
        if cx.verb != Verb::UpdateStatus {
            findings.also(parent_metadata(&self.metadata).under("metadata"));
            findings.also(rollout(&self.metadata).under("metadata"));
            let mut spec = revision::template(&self.spec.template, &self.metadata, cx);
            spec.also(traffic(&self.spec.traffic, Parent::Service));
            findings.also(spec.under("spec"));
        }
        findings.also(meta::user_annotations(
            &self.metadata,
            &self.spec,
            old.map(|old| (&old.metadata, &old.spec)),
        ));
        findings.also(kept_name(
            &self.spec.template,
            old.map(|old| &old.spec.template),
        ));
        findings
    }
}

impl Validate for Configuration {
    fn validate(&self, old: Option<&Self>, cx: &Context<'_>) -> Findings {
        let mut findings = Findings::none();
        if cx.verb != Verb::UpdateStatus {
            findings.also(parent_metadata(&self.metadata).under("metadata"));
            findings.also(
                meta::label_names_owner(&self.metadata, labels::SERVICE, "Service")
                    .under("metadata"),
            );
            findings
                .also(revision::template(&self.spec.template, &self.metadata, cx).under("spec"));
        }
        if !meta::is_owned(&self.metadata) {
            findings.also(meta::user_annotations(
                &self.metadata,
                &self.spec,
                old.map(|old| (&old.metadata, &old.spec)),
            ));
        }
        findings.also(kept_name(
            &self.spec.template,
            old.map(|old| &old.spec.template),
        ));
        findings
    }
}

impl Validate for Route {
    fn validate(&self, old: Option<&Self>, _: &Context<'_>) -> Findings {
        let mut findings = parent_metadata(&self.metadata);
        findings.also(meta::label_names_owner(
            &self.metadata,
            labels::SERVICE,
            "Service",
        ));
        findings.also(rollout(&self.metadata));
        let mut findings = findings.under("metadata");
        findings.also(traffic(&self.spec.traffic, Parent::Route).under("spec"));
        if !meta::is_owned(&self.metadata) {
            findings.also(meta::user_annotations(
                &self.metadata,
                &self.spec,
                old.map(|old| (&old.metadata, &old.spec)),
            ));
        }
        findings
    }
}

fn parent_metadata(metadata: &ObjectMeta) -> Findings {
    let mut findings = meta::name(metadata);
    findings.also(meta::no_autoscaling_annotations(metadata));
    findings
}

fn rollout(metadata: &ObjectMeta) -> Findings {
    match &metadata.annotations {
        Some(all) => annotations::rollout_duration(all).under("annotations"),
        None => Findings::none(),
    }
}

/// A template that keeps the name of its revision stays as it is.
fn kept_name(new: &RevisionTemplate, old: Option<&RevisionTemplate>) -> Findings {
    let name = |template: &RevisionTemplate| template.metadata.name.clone().unwrap_or_default();
    let Some(old) = old.filter(|old| !name(new).is_empty() && name(new) == name(old)) else {
        return Findings::none();
    };
    match differences::of_templates(old, new) {
        None => Findings::none(),
        Some(text) => Findings::new(
            "Saw the following changes without a name change (-old +new)",
            ["spec.template.metadata.name"],
        )
        .details(text),
    }
}
