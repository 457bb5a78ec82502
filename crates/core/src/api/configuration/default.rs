//! Defaults of Configuration.

use super::Configuration;
use crate::admission::{Context, Defaults, Error, metadata, user};
use crate::api::revision;

impl Defaults for Configuration {
    fn set_defaults(&mut self, old: Option<&Self>, cx: &Context<'_>) -> Result<(), Error> {
        revision::fill_in_template(
            &mut self.spec.template,
            old.map(|old| &old.spec.template),
            &self.metadata,
            cx,
        )?;
        if !metadata::is_owned(&self.metadata) {
            user::record(&mut self.metadata, &self.spec, old.map(|old| &old.spec), cx);
        }
        Ok(())
    }
}
