//! `config-defaults`: what revisions get that users did not write, and the limits of what they may.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Data, Errors, Reader, Settings};
use crate::names::containers;
use crate::template::{self, Template, Value};

/// The settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// Default `timeoutSeconds`.
    pub revision_timeout_seconds: i64,
    /// Upper bound of `timeoutSeconds`.
    pub max_revision_timeout_seconds: i64,
    /// Default `responseStartTimeoutSeconds`; 0 for none.
    pub revision_response_start_timeout_seconds: i64,
    /// Default `idleTimeoutSeconds`; 0 for none.
    pub revision_idle_timeout_seconds: i64,
    /// Default CPU request of every container.
    pub revision_cpu_request: Option<Quantity>,
    /// Default CPU limit of every container.
    pub revision_cpu_limit: Option<Quantity>,
    /// Default memory request of every container.
    pub revision_memory_request: Option<Quantity>,
    /// Default memory limit of every container.
    pub revision_memory_limit: Option<Quantity>,
    /// Default ephemeral-storage request of every container.
    pub revision_ephemeral_storage_request: Option<Quantity>,
    /// Default ephemeral-storage limit of every container.
    pub revision_ephemeral_storage_limit: Option<Quantity>,
    /// Name of a container without one, over the metadata of the Service or Configuration.
    pub container_name_template: Template,
    /// Name of an init container without one.
    pub init_container_name_template: Template,
    /// Default `containerConcurrency`.
    pub container_concurrency: i64,
    /// Upper bound of `containerConcurrency`.
    pub container_concurrency_max_limit: i64,
    /// Whether users may write 0, for no limit.
    pub allow_container_concurrency_zero: bool,
    /// Default `enableServiceLinks`; `None` leaves it to Kubernetes.
    pub enable_service_links: Option<bool>,
}

impl Default for Defaults {
    fn default() -> Self {
        let literal = |text| Template::parse(text).expect("a plain text is a template");
        Self {
            revision_timeout_seconds: 300,
            max_revision_timeout_seconds: 600,
            revision_response_start_timeout_seconds: 300,
            revision_idle_timeout_seconds: 0,
            revision_cpu_request: None,
            revision_cpu_limit: None,
            revision_memory_request: None,
            revision_memory_limit: None,
            revision_ephemeral_storage_request: None,
            revision_ephemeral_storage_limit: None,
            container_name_template: literal(containers::USER),
            init_container_name_template: literal(containers::INIT),
            container_concurrency: 0,
            container_concurrency_max_limit: 1000,
            allow_container_concurrency_zero: true,
            enable_service_links: Some(false),
        }
    }
}

impl Defaults {
    /// Renders a name template over the metadata of the Service or Configuration.
    ///
    /// # Errors
    /// When the template names a field that metadata does not have.
    pub fn container_name(
        template: &Template,
        meta: &ObjectMeta,
    ) -> Result<String, template::Error> {
        let text = |field: &Option<String>| Value::Text(field.clone().unwrap_or_default());
        let map = |field: &Option<_>| Value::strings(field.as_ref().unwrap_or(&Data::new()));
        template.render(&Value::record([
            ("Name", text(&meta.name)),
            ("GenerateName", text(&meta.generate_name)),
            ("Namespace", text(&meta.namespace)),
            ("UID", text(&meta.uid)),
            ("ResourceVersion", text(&meta.resource_version)),
            (
                "Generation",
                Value::Int(meta.generation.unwrap_or_default()),
            ),
            ("Labels", map(&meta.labels)),
            ("Annotations", map(&meta.annotations)),
        ]))
    }
}

impl Settings for Defaults {
    const NAME: &'static str = "config-defaults";

    fn parse(data: &Data) -> Result<Self, Errors> {
        let mut r = Reader::new(data);
        let mut s = Self::default();
        r.read(
            &["allow-container-concurrency-zero"],
            &mut s.allow_container_concurrency_zero,
        );
        r.read(
            &["revision-timeout-seconds"],
            &mut s.revision_timeout_seconds,
        );
        // An absent key follows the total timeout.
        s.revision_response_start_timeout_seconds = s.revision_timeout_seconds;
        r.read(
            &["max-revision-timeout-seconds"],
            &mut s.max_revision_timeout_seconds,
        );
        r.read(
            &["revision-response-start-timeout-seconds"],
            &mut s.revision_response_start_timeout_seconds,
        );
        r.read(
            &["revision-idle-timeout-seconds"],
            &mut s.revision_idle_timeout_seconds,
        );
        r.read(&["container-concurrency"], &mut s.container_concurrency);
        r.read(
            &["container-concurrency-max-limit"],
            &mut s.container_concurrency_max_limit,
        );
        r.read(&["revision-cpu-request"], &mut s.revision_cpu_request);
        r.read(&["revision-memory-request"], &mut s.revision_memory_request);
        r.read(
            &["revision-ephemeral-storage-request"],
            &mut s.revision_ephemeral_storage_request,
        );
        r.read(&["revision-cpu-limit"], &mut s.revision_cpu_limit);
        r.read(&["revision-memory-limit"], &mut s.revision_memory_limit);
        r.read(
            &["revision-ephemeral-storage-limit"],
            &mut s.revision_ephemeral_storage_limit,
        );
        r.read(&["container-name-template"], &mut s.container_name_template);
        r.read(
            &["init-container-name-template"],
            &mut s.init_container_name_template,
        );
        if let Some(text) = r.raw("enable-service-links") {
            s.enable_service_links = match text.trim().to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            };
        }
        check_timeouts(&mut r, &s);
        check_concurrency(&mut r, &s);
        for (key, template) in [
            ("container-name-template", &s.container_name_template),
            (
                "init-container-name-template",
                &s.init_container_name_template,
            ),
        ] {
            if let Err(cause) = Self::container_name(template, &ObjectMeta::default()) {
                r.refuse(key, format!("error executing template: {cause}"));
            }
        }
        r.finish(s)
    }
}

fn check_timeouts(r: &mut Reader<'_>, s: &Defaults) {
    let (total, max) = (s.revision_timeout_seconds, s.max_revision_timeout_seconds);
    r.require(total <= max, "revision-timeout-seconds", || {
        format!("revision-timeout-seconds ({total}) cannot be greater than max-revision-timeout-seconds ({max})")
    });
    for (key, part) in [
        (
            "revision-response-start-timeout-seconds",
            s.revision_response_start_timeout_seconds,
        ),
        (
            "revision-idle-timeout-seconds",
            s.revision_idle_timeout_seconds,
        ),
    ] {
        r.require(part <= 0 || part <= total, key, || {
            format!("{key} ({part}) cannot be greater than revision-timeout-seconds ({total})")
        });
    }
}

fn check_concurrency(r: &mut Reader<'_>, s: &Defaults) {
    let (limit, value) = (s.container_concurrency_max_limit, s.container_concurrency);
    r.require(limit >= 1, "container-concurrency-max-limit", || {
        format!(
            "expected 1 <= {limit} <= {}: container-concurrency-max-limit",
            i32::MAX
        )
    });
    r.require(
        (0..=limit.max(0)).contains(&value) || limit < 1,
        "container-concurrency",
        || format!("expected 0 <= {value} <= {limit}: container-concurrency"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test::{accepts, refuses};

    #[test]
    fn nothing_written_means_the_defaults() {
        assert_eq!(accepts::<Defaults, 0>([]), Defaults::default());
    }

    #[test]
    fn the_first_byte_follows_the_total_timeout() {
        let s = accepts::<Defaults, 1>([("revision-timeout-seconds", "120")]);
        assert_eq!(s.revision_response_start_timeout_seconds, 120);
    }

    #[test]
    fn keys_are_held_against_each_other() {
        refuses::<Defaults, 1>(
            [("revision-timeout-seconds", "700")],
            "revision-timeout-seconds (700) cannot be greater than max-revision-timeout-seconds (600)",
        );
        refuses::<Defaults, 1>(
            [("revision-response-start-timeout-seconds", "400")],
            "revision-response-start-timeout-seconds (400) cannot be greater than revision-timeout-seconds (300)",
        );
        refuses::<Defaults, 1>(
            [("revision-idle-timeout-seconds", "400")],
            "revision-idle-timeout-seconds (400) cannot be greater than revision-timeout-seconds (300)",
        );
        refuses::<Defaults, 1>(
            [("container-concurrency-max-limit", "0")],
            "expected 1 <= 0 <= 2147483647: container-concurrency-max-limit",
        );
        refuses::<Defaults, 1>(
            [("container-concurrency", "2000")],
            "expected 0 <= 2000 <= 1000: container-concurrency",
        );
        refuses::<Defaults, 1>(
            [("revision-cpu-limit", "100mx")],
            "failed to parse \"revision-cpu-limit\": unable to parse quantity's suffix",
        );
    }

    #[test]
    fn names_are_rendered_over_the_metadata() {
        let s = accepts::<Defaults, 1>([("container-name-template", "{{.Name}}-main")]);
        let meta = ObjectMeta {
            name: Some("shop".into()),
            ..Default::default()
        };
        assert_eq!(
            Defaults::container_name(&s.container_name_template, &meta).as_deref(),
            Ok("shop-main")
        );
    }

    #[test]
    fn service_links_have_three_states() {
        let links =
            |text| accepts::<Defaults, 1>([("enable-service-links", text)]).enable_service_links;
        assert_eq!(links("True"), Some(true));
        assert_eq!(links("false"), Some(false));
        assert_eq!(links("default"), None);
    }
}
