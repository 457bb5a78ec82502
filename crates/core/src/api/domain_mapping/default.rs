//! Defaults of DomainMapping.

use super::DomainMapping;
use crate::admission::{Context, Defaults, Error, user};

impl Defaults for DomainMapping {
    fn set_defaults(&mut self, old: Option<&Self>, cx: &Context<'_>) -> Result<(), Error> {
        if self.spec.ref_.namespace.is_empty() {
            self.spec.ref_.namespace = self.metadata.namespace.clone().unwrap_or_default();
        }
        user::record(&mut self.metadata, &self.spec, old.map(|old| &old.spec), cx);
        Ok(())
    }
}
