//! The Helm chart: the manifests once more, with the installer's choices left open.
//!
//! The settings are filled with markers, the objects built as always, and the markers in the text replaced by template
//! expressions. So the chart cannot say anything that the manifests do not.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::settings::{Settings, VERSION};
use super::{crds, files, objects};

/// Replica counts that no one would choose, to be found again in the text.
const WEBHOOK_REPLICAS: i32 = 1_900_000_001;
const GATEWAY_REPLICAS: i32 = 1_900_000_002;

/// Text that stands for the ingress class until the markers are replaced.
const INGRESS_CLASS: &str = "marker-ingress-class";
const DOMAIN: &str = "marker-domain";

/// The files of the chart, by their path inside it.
pub(super) fn files() -> Result<Vec<(&'static str, String)>> {
    Ok(vec![
        ("Chart.yaml", description()?),
        ("values.yaml", VALUES.to_owned()),
        ("templates/ebb.yaml", templates()?),
        ("crds/ebb.yaml", files::render(&crds())?),
    ])
}

const VALUES: &str = "\
# Where the images come from: <registry>/<name>:<tag>, for each program and for queue-proxy.
image:
  registry: dev.local/ebb
  # The release of this chart if empty.
  tag: \"\"
webhook:
  # Two, so that services can be changed while one webhook is away.
  replicas: 2
gateway:
  # Two, so that no request is lost with one gateway.
  replicas: 2
# Who serves routes that name no ingress class.
ingressClass: ebb.ingress.networking.knative.dev
# Domain for the hosts of routes; empty keeps them inside the cluster.
domain: \"\"
";

fn description() -> Result<String> {
    let chart = json!({
        "apiVersion": "v2",
        "name": "ebb",
        "description": "Knative Serving in Rust: services that scale to zero and back",
        "type": "application",
        "version": VERSION,
        "appVersion": format!("v{VERSION}"),
        "kubeVersion": ">=1.34.0-0",
    });
    let text =
        serde_yaml_ng::to_string(&chart).context("the chart's description has no YAML form")?;
    Ok(format!("{}{text}", files::GENERATED))
}

fn templates() -> Result<String> {
    let names = crate::images::components();
    let settings = Settings {
        images: names
            .map(|name| (name.to_owned(), format!("marker-image/{name}")))
            .collect(),
        webhook_replicas: WEBHOOK_REPLICAS,
        gateway_replicas: GATEWAY_REPLICAS,
        ingress_class: INGRESS_CLASS.to_owned(),
        domain: Some(DOMAIN.to_owned()),
    };
    let text = files::render(&objects(&settings))?;
    // What already looks like a template (in the examples of ConfigMaps) is to stay as it is.
    let mut text = text.replace("{{", "{{ \"{{\" }}");
    for name in crate::images::components() {
        text = replace(
            &text,
            &format!("marker-image/{name}"),
            &format!(
                "\"{{{{ .Values.image.registry }}}}/{name}:{{{{ .Values.image.tag | default .Chart.AppVersion }}}}\""
            ),
        )?;
    }
    text = replace(
        &text,
        &WEBHOOK_REPLICAS.to_string(),
        "{{ .Values.webhook.replicas }}",
    )?;
    text = replace(
        &text,
        &GATEWAY_REPLICAS.to_string(),
        "{{ .Values.gateway.replicas }}",
    )?;
    text = replace(&text, INGRESS_CLASS, "{{ .Values.ingressClass }}")?;
    replace(
        &text,
        &format!("  {DOMAIN}: ''\n"),
        "  {{- with .Values.domain }}\n  {{ . }}: \"\"\n  {{- end }}\n",
    )
}

/// Replaces every `marker`; one that is not there any more is a fault of this file.
fn replace(text: &str, marker: &str, expression: &str) -> Result<String> {
    anyhow::ensure!(
        text.contains(marker),
        "`{marker}` does not occur in the manifests"
    );
    Ok(text.replace(marker, expression))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_marker_is_left_and_examples_stay_literal() {
        let text = templates().unwrap();
        assert!(!text.contains("marker"), "a marker was not replaced");
        assert!(text.contains(r#"{{ "{{" }}.Name}}.{{ "{{" }}.Namespace}}"#));
        assert!(text.contains("replicas: {{ .Values.gateway.replicas }}"));
    }
}
