//! Rules of Metric, by example.

use super::Metric;
use crate::admission::testing::{accepts, refuses};

#[test]
fn rules() {
    refuses::<Metric>("{metadata: {name: a}}", "missing field(s): spec");
    accepts::<Metric>("{metadata: {name: a}, spec: {stableWindow: 1}}");
}
