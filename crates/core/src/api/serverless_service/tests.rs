//! Rules of ServerlessService, by example.

use super::ServerlessService;
use crate::admission::testing::refuses;

#[test]
fn rules() {
    refuses::<ServerlessService>("{metadata: {name: a}}", "missing field(s): spec");
    refuses::<ServerlessService>(
        "{metadata: {name: a, annotations: {networking.knative.dev/x: y}}, spec: {numActivators: -1, mode: X, \
         protocolType: http1, objectRef: {apiVersion: apps/v1, kind: Deployment, name: a}}}",
        "invalid key name \"networking.knative.dev/x\": annotations\n\
         invalid value: -1: spec.numActivators\ninvalid value: X: spec.mode",
    );
}
