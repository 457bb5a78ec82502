//! Defaults of Service, Configuration and Route.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Defaults, Error, container, revision_spec, user};
use crate::admission::Context;
use crate::api::configuration::Configuration;
use crate::api::revision::RevisionTemplate;
use crate::api::route::{Route, TrafficTarget};
use crate::api::service::Service;

impl Defaults for Service {
    fn set_defaults(&mut self, old: Option<&Self>, cx: &Context<'_>) -> Result<(), Error> {
        template(
            &mut self.spec.template,
            old.map(|old| &old.spec.template),
            &self.metadata,
            cx,
        )?;
        if self.spec.traffic.is_empty() {
            self.spec.traffic.push(TrafficTarget {
                latest_revision: Some(true),
                percent: Some(100),
                ..TrafficTarget::default()
            });
        }
        traffic(&mut self.spec.traffic);
        user::record(&mut self.metadata, &self.spec, old.map(|old| &old.spec), cx);
        Ok(())
    }
}

impl Defaults for Configuration {
    fn set_defaults(&mut self, old: Option<&Self>, cx: &Context<'_>) -> Result<(), Error> {
        template(
            &mut self.spec.template,
            old.map(|old| &old.spec.template),
            &self.metadata,
            cx,
        )?;
        if !user::is_owned(&self.metadata) {
            user::record(&mut self.metadata, &self.spec, old.map(|old| &old.spec), cx);
        }
        Ok(())
    }
}

impl Defaults for Route {
    fn set_defaults(&mut self, old: Option<&Self>, cx: &Context<'_>) -> Result<(), Error> {
        traffic(&mut self.spec.traffic);
        if !user::is_owned(&self.metadata) {
            user::record(&mut self.metadata, &self.spec, old.map(|old| &old.spec), cx);
        }
        Ok(())
    }
}

/// Fills in a template, unless it carries the name of a revision that may exist already: defaults
/// that changed since would then look like a change without a new name.
fn template(
    template: &mut RevisionTemplate,
    old: Option<&RevisionTemplate>,
    parent: &ObjectMeta,
    cx: &Context<'_>,
) -> Result<(), Error> {
    let name = template.metadata.name.as_deref().unwrap_or_default();
    let keeps_name =
        !name.is_empty() && old.is_some_and(|old| old.metadata.name.as_deref() == Some(name));
    if keeps_name {
        container::write_zeroes(&mut template.spec.pod);
        return Ok(());
    }
    revision_spec(&mut template.spec, parent, cx)
}

fn traffic(targets: &mut [TrafficTarget]) {
    for target in targets {
        target
            .latest_revision
            .get_or_insert(target.revision_name.is_empty());
        target.percent.get_or_insert(0);
    }
}
