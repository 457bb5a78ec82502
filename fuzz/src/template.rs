//! Templates of the operator: a text that is read renders the same twice, to a bounded length.

use std::collections::BTreeMap;

use ebb_core::config::network::DomainFields;
use ebb_core::config::{Defaults, Network, Settings as _};
use ebb_core::template::{LONGEST, Template, Value};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Renders the input as a template over records like those that settings give.
///
/// # Panics
/// If two renderings differ, or one is longer than any may be.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    through_settings(text);
    let Ok(template) = Template::parse(text) else {
        return;
    };
    assert_eq!(Template::parse(text).as_ref(), Ok(&template));
    let all: Value = Value::record([
        ("Name", "shop".into()),
        ("Namespace", "demo".into()),
        ("Domain", "example.com".into()),
        ("Tag", "blue".into()),
        (
            "Labels",
            Value::strings(&BTreeMap::from([("team".to_owned(), "a\"<b".to_owned())])),
        ),
        ("Annotations", Value::strings(&BTreeMap::new())),
        ("Code", Value::Int(200)),
        ("Latency", Value::Float(0.25)),
    ]);
    let rendered = template.render(&all);
    assert_eq!(template.render(&all), rendered);
    if let Ok(rendered) = rendered {
        assert!(rendered.len() <= LONGEST, "{}", rendered.len());
    }
}

/// A template that settings accept renders for objects that have what templates may name.
fn through_settings(text: &str) {
    let data = |key: &str| BTreeMap::from([(key.to_owned(), text.to_owned())]);
    let (labels, annotations) = (BTreeMap::new(), BTreeMap::new());
    if let Ok(network) = Network::parse(&data("domain-template")) {
        let _ = network.host(DomainFields {
            name: "shop",
            namespace: "demo",
            domain: "example.com",
            annotations: &annotations,
            labels: &labels,
        });
    }
    if let Ok(network) = Network::parse(&data("tag-template")) {
        let _ = network.tag_label("blue", "shop");
    }
    if let Ok(defaults) = Defaults::parse(&data("container-name-template")) {
        let _ = Defaults::container_name(&defaults.container_name_template, &ObjectMeta::default());
    }
}
