//! `config-defaults`.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;

#[test]
fn config_5_every_key_is_read() {
    let s = accepts::<Defaults>(&[
        ("revision-timeout-seconds", "120"),
        ("max-revision-timeout-seconds", "121"),
        ("revision-response-start-timeout-seconds", "119"),
        ("revision-idle-timeout-seconds", "118"),
        ("revision-cpu-request", "1"),
        ("revision-memory-request", "2Mi"),
        ("revision-ephemeral-storage-request", "3Mi"),
        ("revision-cpu-limit", "4"),
        ("revision-memory-limit", "5Mi"),
        ("revision-ephemeral-storage-limit", "6Mi"),
        ("container-concurrency", "7"),
        ("container-concurrency-max-limit", "8"),
        ("allow-container-concurrency-zero", "false"),
        ("enable-service-links", "true"),
    ]);
    let some = |text: &str| Some(Quantity(text.to_owned()));
    let want = Defaults {
        revision_timeout_seconds: 120,
        max_revision_timeout_seconds: 121,
        revision_response_start_timeout_seconds: 119,
        revision_idle_timeout_seconds: 118,
        revision_cpu_request: some("1"),
        revision_memory_request: some("2Mi"),
        revision_ephemeral_storage_request: some("3Mi"),
        revision_cpu_limit: some("4"),
        revision_memory_limit: some("5Mi"),
        revision_ephemeral_storage_limit: some("6Mi"),
        container_concurrency: 7,
        container_concurrency_max_limit: 8,
        allow_container_concurrency_zero: false,
        enable_service_links: Some(true),
        ..Defaults::default()
    };
    assert_eq!(s, want);
}

#[test]
fn config_5_the_first_byte_follows_the_total_timeout() {
    let start = |entries: &[(&str, &str)]| {
        accepts::<Defaults>(entries).revision_response_start_timeout_seconds
    };
    assert_eq!(start(&[]), 300);
    let total = ("revision-timeout-seconds", "120");
    assert_eq!(start(&[total]), 120);
    let own = ("revision-response-start-timeout-seconds", "0");
    assert_eq!(start(&[total, own]), 0);
}

#[test]
fn config_5_keys_are_held_against_each_other() {
    for (key, value, want) in [
        (
            "revision-timeout-seconds",
            "700",
            "revision-timeout-seconds (700) cannot be greater than max-revision-timeout-seconds (600)",
        ),
        (
            "revision-response-start-timeout-seconds",
            "400",
            "revision-response-start-timeout-seconds (400) cannot be greater than revision-timeout-seconds (300)",
        ),
        (
            "revision-idle-timeout-seconds",
            "400",
            "revision-idle-timeout-seconds (400) cannot be greater than revision-timeout-seconds (300)",
        ),
        (
            "container-concurrency-max-limit",
            "0",
            "expected 1 <= 0 <= 2147483647: container-concurrency-max-limit",
        ),
        (
            "container-concurrency",
            "2000",
            "expected 0 <= 2000 <= 1000: container-concurrency",
        ),
        (
            "container-concurrency",
            "-1",
            "expected 0 <= -1 <= 1000: container-concurrency",
        ),
    ] {
        refuses::<Defaults>(&[(key, value)], want);
    }
    for entries in [
        &[("revision-timeout-seconds", "600")][..],
        &[("revision-idle-timeout-seconds", "300")],
        &[("revision-response-start-timeout-seconds", "0")],
        &[("container-concurrency", "1000")],
        &[("container-concurrency-max-limit", "1")],
    ] {
        accepts::<Defaults>(entries);
    }
}

#[test]
fn config_5_names_are_rendered_over_the_metadata() {
    let s = accepts::<Defaults>(&[
        ("container-name-template", "{{.Name}}-main\n"),
        (
            "init-container-name-template",
            "{{index .Labels \"app\"}}-init",
        ),
    ]);
    let meta = ObjectMeta {
        name: Some("shop".into()),
        labels: Some(data([("app", "till")])),
        ..Default::default()
    };
    let name = |template| Defaults::container_name(template, &meta);
    assert_eq!(name(&s.container_name_template).as_deref(), Ok("shop-main"));
    let init = name(&s.init_container_name_template);
    assert_eq!(init.as_deref(), Ok("till-init"));
    let stock = Defaults::default();
    assert_eq!(
        name(&stock.container_name_template).as_deref(),
        Ok("user-container")
    );
    let init = name(&stock.init_container_name_template);
    assert_eq!(init.as_deref(), Ok("init-container"));
}

#[test]
fn config_5_templates_must_parse_and_render_without_metadata() {
    for key in ["container-name-template", "init-container-name-template"] {
        let errors = Defaults::parse(&data([(key, "{{.Nope}}")])).unwrap_err();
        let text = errors.to_string();
        assert!(text.starts_with("error executing template: "), "{text}");
        assert!(text.contains(key), "{text}");
        let text = Defaults::parse(&data([(key, "{{")]))
            .unwrap_err()
            .to_string();
        assert!(
            text.starts_with("template: ") && text.contains(key),
            "{text}"
        );
    }
}

#[test]
fn config_5_service_links_have_three_states() {
    for (text, want) in [
        ("True", Some(true)),
        ("FALSE", Some(false)),
        ("default", None),
        ("", None),
    ] {
        let s = accepts::<Defaults>(&[("enable-service-links", text)]);
        assert_eq!(s.enable_service_links, want, "{text}");
    }
    assert_eq!(Defaults::default().enable_service_links, Some(false));
}
