//! The hash that tells which version of an Ingress a proxy serves (ingress.md 5.1).
//!
//! Others compute it too and compare, so it is taken over the JSON that Go's encoder would write for the spec: fields
//! in the order of the Go type, keys of maps sorted, and three characters and two line separators escaped that JSON
//! does not ask to escape. The Rust types have the fields in that order and leave out the same empty ones.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::api::ingress::IngressSpec;

/// Lower-case hex SHA-256 of spec, namespace and name. The spec must have its defaults already
/// ([`with_defaults`](super::defaults::with_defaults)).
pub fn hash(spec: &IngressSpec, namespace: &str, name: &str) -> String {
    let json =
        serde_json::to_string(spec).expect("an Ingress spec has only string keys and plain values");
    let mut sha = Sha256::new();
    sha.update(go_escaped(&json));
    sha.update(namespace);
    sha.update(name);
    let mut hex = String::with_capacity(64);
    for byte in sha.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// What Go escapes beyond the rules of JSON. All of it can stand only inside of strings.
fn go_escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, namespace: &str, name: &str, expected: &str) {
        let spec: IngressSpec = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), json);
        assert_eq!(hash(&spec, namespace, name), expected);
    }

    #[test]
    fn published_values_are_met() {
        check(
            r#"{"rules":[{"hosts":["example.com"],"http":{"paths":[{"splits":[{"serviceNamespace":"","serviceName":"blah","servicePort":0}]}]}}]}"#,
            "",
            "",
            "a25000a350642c8abef53078b329bd043e18758f6063c1172d53b04e14fcf5c1",
        );
        check(
            r#"{"rules":[{"hosts":["a.example.com"],"visibility":"ExternalIP","http":{"paths":[{"splits":[{"serviceNamespace":"ns","serviceName":"s","servicePort":80,"percent":100}]}]}}],"httpOption":"Enabled"}"#,
            "ns",
            "name",
            "e6c94019947480e86574f69707a608e70019d6728e3a599893bdbe9141106a96",
        );
    }

    #[test]
    fn fields_stand_in_the_order_of_the_go_type() {
        let json = r#"{"tls":[{"hosts":["a"],"secretName":"s","secretNamespace":"n"}],"rules":[{"hosts":["a"],"visibility":"ClusterLocal","http":{"paths":[{"path":"/p","rewriteHost":"r","headers":{"A":{"exact":"x"},"B":{"exact":""}},"splits":[{"serviceNamespace":"n","serviceName":"s","servicePort":"http","percent":1,"appendHeaders":{"C":"c"}}],"appendHeaders":{"D":"d"}}]}}],"httpOption":"Redirected"}"#;
        let spec: IngressSpec = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), json);
    }

    #[test]
    fn escapes_what_go_escapes() {
        assert_eq!(
            go_escaped("\"<a>&\u{2028}\u{2029}é\""),
            "\"\\u003ca\\u003e\\u0026\\u2028\\u2029é\""
        );
    }
}
