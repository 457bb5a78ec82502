//! Rules of Certificate, by example.

use super::Certificate;
use crate::admission::testing::{accepts, refuses};

#[test]
fn rules() {
    refuses::<Certificate>(
        "{metadata: {name: a}, spec: {dnsNames: [''], domain: example.org}}",
        "invalid value: : spec.dnsNames[0]\n\
         invalid value: domain: spec.domain must be a suffix of, or match exactly, at least one entry in dnsNames\n\
         missing field(s): spec.secretName",
    );
    accepts::<Certificate>(
        "{metadata: {name: a}, spec: {dnsNames: [a.example.org], domain: example.org, secretName: s}}",
    );
}
