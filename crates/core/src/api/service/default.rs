//! Defaults of Service.

use super::Service;
use crate::admission::{Context, Defaults, Error, user};
use crate::api::revision;
use crate::api::route::{self, TrafficTarget};

impl Defaults for Service {
    fn set_defaults(&mut self, old: Option<&Self>, cx: &Context<'_>) -> Result<(), Error> {
        revision::fill_in_template(
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
        route::fill_in_traffic(&mut self.spec.traffic);
        user::record(&mut self.metadata, &self.spec, old.map(|old| &old.spec), cx);
        Ok(())
    }
}
