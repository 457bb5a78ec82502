//! Rules about Certificate.

use super::{Certificate, CertificateSpec};
use crate::admission::{Context, Defaults, Findings, Validate};

impl Defaults for Certificate {}

impl Validate for Certificate {
    fn validate(&self, _: Option<&Self>, _: &Context<'_>) -> Findings {
        certificate(&self.spec).under("spec")
    }
}

fn certificate(spec: &CertificateSpec) -> Findings {
    let mut findings = Findings::none();
    if spec.dns_names.is_empty() {
        findings.also(Findings::missing(["dnsNames"]));
    }
    for (i, _) in spec
        .dns_names
        .iter()
        .enumerate()
        .filter(|(_, name)| name.is_empty())
    {
        findings.also(Findings::invalid_value("", format!("dnsNames[{i}]")));
    }
    if spec.secret_name.is_empty() {
        findings.also(Findings::missing(["secretName"]));
    }
    let is_part_of =
        |name: &String| *name == spec.domain || name.ends_with(&format!(".{}", spec.domain));
    if !spec.domain.is_empty() && !spec.dns_names.iter().any(is_part_of) {
        findings.also(Findings::invalid_value(
            "domain",
            "domain must be a suffix of, or match exactly, at least one entry in dnsNames",
        ));
    }
    findings
}
