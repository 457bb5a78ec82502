//! Defaults of Route and of traffic targets.

use super::{Route, TrafficTarget};
use crate::admission::{Context, Defaults, Error, metadata, user};

impl Defaults for Route {
    fn set_defaults(&mut self, old: Option<&Self>, cx: &Context<'_>) -> Result<(), Error> {
        fill_in_traffic(&mut self.spec.traffic);
        if !metadata::is_owned(&self.metadata) {
            user::record(&mut self.metadata, &self.spec, old.map(|old| &old.spec), cx);
        }
        Ok(())
    }
}

/// Completes each target; how many there are is the author's affair.
pub(in crate::api) fn fill_in_traffic(targets: &mut [TrafficTarget]) {
    for target in targets {
        target
            .latest_revision
            .get_or_insert(target.revision_name.is_empty());
        target.percent.get_or_insert(0);
    }
}
