//! Defaults of Ingress.

use super::{Ingress, IngressSpec, Visibility};
use crate::admission::{Context, Defaults, Error};

impl Defaults for Ingress {
    fn set_defaults(&mut self, _: Option<&Self>, _: &Context<'_>) -> Result<(), Error> {
        fill_in(&mut self.spec);
        Ok(())
    }
}

/// Fills in visibility and single splits.
pub(crate) fn fill_in(spec: &mut IngressSpec) {
    for rule in &mut spec.rules {
        if rule.visibility.is_empty() {
            rule.visibility = Visibility::ExternalIP;
        }
        for path in rule.http.iter_mut().flat_map(|http| &mut http.paths) {
            if let [only] = path.splits.as_mut_slice()
                && only.percent == 0
            {
                only.percent = 100;
            }
        }
    }
}
