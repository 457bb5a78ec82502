//! Rules about ServerlessService.

use super::{Mode, ServerlessService, ServerlessServiceSpec};
use crate::admission::{Context, Defaults, Findings, Validate, annotations, reference};

impl Defaults for ServerlessService {}

impl Validate for ServerlessService {
    fn validate(&self, _: Option<&Self>, _: &Context<'_>) -> Findings {
        let mut findings = match &self.metadata.annotations {
            // Upstream leaves `metadata` out of this path.
            Some(all) => annotations::networking(all),
            None => Findings::none(),
        };
        findings.also(serverless_service(&self.spec).under("spec"));
        findings
    }
}

fn serverless_service(spec: &ServerlessServiceSpec) -> Findings {
    if *spec == ServerlessServiceSpec::default() {
        return Findings::missing([""]);
    }
    let mut findings = match &spec.mode {
        Mode::Serve | Mode::Proxy => Findings::none(),
        Mode::Unset => Findings::missing(["mode"]),
        Mode::Other(text) => Findings::invalid_value(text, "mode"),
    };
    if spec.num_activators < 0 {
        findings.also(Findings::invalid_value(
            spec.num_activators,
            "numActivators",
        ));
    }
    findings.also(reference::validate(&spec.object_ref).under("objectRef"));
    findings.also(reference::protocol(&spec.protocol_type));
    findings
}
