//! What an Ingress means that leaves something out (ingress.md 2). The webhook writes the same into stored objects,
//! but it may be absent or older than the object.

use crate::api::ingress::{IngressSpec, fill_in};

/// The spec with visibility and single splits filled in.
pub fn with_defaults(mut spec: IngressSpec) -> IngressSpec {
    fill_in(&mut spec);
    spec
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::ingress::Visibility;

    #[test]
    fn visibility_and_a_single_share_are_filled_in() {
        let split = |percent: i64| json!({ "serviceNamespace": "n", "serviceName": "s", "servicePort": 80, "percent": percent });
        let spec = json!({ "rules": [
            { "http": { "paths": [{ "splits": [split(0)] }, { "splits": [split(0), split(100)] }] } },
            { "visibility": "ClusterLocal" },
        ]});
        let spec = with_defaults(serde_json::from_value(spec).unwrap());
        assert_eq!(spec.rules[0].visibility, Visibility::ExternalIP);
        assert_eq!(spec.rules[1].visibility, Visibility::ClusterLocal);
        let paths = &spec.rules[0].http.as_ref().unwrap().paths;
        assert_eq!(paths[0].splits[0].percent, 100);
        assert_eq!(paths[1].splits[0].percent, 0);
    }
}
