//! `config-defaults`: what revisions get that users did not write, and the limits of what they may.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Data, Reader, Settings};
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

    fn read(r: &mut Reader<'_>) -> Self {
        let mut s = Self::default();
        r.template(
            &["init-container-name-template"],
            &mut s.init_container_name_template,
        );
        r.template(&["container-name-template"], &mut s.container_name_template);
        r.read(
            &["allow-container-concurrency-zero"],
            &mut s.allow_container_concurrency_zero,
        );
        s.enable_service_links = service_links(r);
        r.read(
            &["revision-timeout-seconds"],
            &mut s.revision_timeout_seconds,
        );
        r.read(
            &["max-revision-timeout-seconds"],
            &mut s.max_revision_timeout_seconds,
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
        for (key, quantity) in [
            ("revision-cpu-request", &mut s.revision_cpu_request),
            ("revision-memory-request", &mut s.revision_memory_request),
            (
                "revision-ephemeral-storage-request",
                &mut s.revision_ephemeral_storage_request,
            ),
            ("revision-cpu-limit", &mut s.revision_cpu_limit),
            ("revision-memory-limit", &mut s.revision_memory_limit),
            (
                "revision-ephemeral-storage-limit",
                &mut s.revision_ephemeral_storage_limit,
            ),
        ] {
            r.read(&[key], quantity);
        }
        // An absent key follows the total timeout.
        s.revision_response_start_timeout_seconds = s.revision_timeout_seconds;
        r.read(
            &["revision-response-start-timeout-seconds"],
            &mut s.revision_response_start_timeout_seconds,
        );
        check_timeouts(r, &s);
        check_concurrency(r, &s);
        for (key, template) in [
            ("container-name-template", &s.container_name_template),
            (
                "init-container-name-template",
                &s.init_container_name_template,
            ),
        ] {
            if let Err(cause) = Self::container_name(template, &ObjectMeta::default()) {
                r.refuse(key, format!("error executing template: {cause}"))
                    .hint(format!(
                        "{key} can use the metadata of the Service, such as .Name"
                    ));
            }
        }
        s
    }
}

/// Any word but the two leaves it to Kubernetes.
fn service_links(r: &mut Reader<'_>) -> Option<bool> {
    let text = r.raw("enable-service-links").unwrap_or("false");
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn check_timeouts(r: &mut Reader<'_>, s: &Defaults) {
    let (total, max) = (s.revision_timeout_seconds, s.max_revision_timeout_seconds);
    let (total_key, max_key) = ("revision-timeout-seconds", "max-revision-timeout-seconds");
    r.require(total <= max, &[total_key, max_key], || {
        format!("{total_key} ({total}) cannot be greater than {max_key} ({max})")
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
        r.require(part <= 0 || part <= total, &[key, total_key], || {
            format!("{key} ({part}) cannot be greater than {total_key} ({total})")
        });
    }
}

fn check_concurrency(r: &mut Reader<'_>, s: &Defaults) {
    let (limit, value) = (s.container_concurrency_max_limit, s.container_concurrency);
    let (key, limit_key) = ("container-concurrency", "container-concurrency-max-limit");
    r.require(limit >= 1, &[limit_key], || {
        format!("expected 1 <= {limit} <= {}: {limit_key}", i32::MAX)
    });
    r.require(
        (0..=limit).contains(&value) || limit < 1,
        &[key, limit_key],
        || format!("expected 0 <= {value} <= {limit}: {key}"),
    );
}
