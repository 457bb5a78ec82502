//! Defaults of Ingress.

use super::{Ingress, Visibility};
use crate::admission::{Context, Defaults, Error};

impl Defaults for Ingress {
    fn set_defaults(&mut self, _: Option<&Self>, _: &Context<'_>) -> Result<(), Error> {
        for rule in &mut self.spec.rules {
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
        Ok(())
    }
}
