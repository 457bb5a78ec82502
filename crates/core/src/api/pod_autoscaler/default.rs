//! Defaults of PodAutoscaler.

use super::PodAutoscaler;
use crate::admission::{Context, Defaults, Error};
use crate::names::annotations::{CLASS, METRIC};
use crate::names::{HPA_CLASS, KPA_CLASS};

impl Defaults for PodAutoscaler {
    fn set_defaults(&mut self, _: Option<&Self>, cx: &Context<'_>) -> Result<(), Error> {
        let annotations = self.metadata.annotations.get_or_insert_default();
        let class = annotations
            .entry(CLASS.to_owned())
            .or_insert_with(|| cx.policy.autoscaler.pod_autoscaler_class.clone());
        let metric = default_metric(class).to_owned();
        annotations.entry(METRIC.to_owned()).or_insert(metric);
        Ok(())
    }
}

/// What a class measures unless told otherwise; nothing is known about foreign classes.
fn default_metric(class: &str) -> &'static str {
    match class {
        KPA_CLASS => "concurrency",
        HPA_CLASS => "cpu",
        _ => "",
    }
}
