//! `config-logging`.

use super::*;
use crate::config::logging::Level;

const COMPONENTS: [&str; 10] = [
    "controller",
    "autoscaler",
    "queueproxy",
    "webhook",
    "activator",
    "hpaautoscaler",
    "net-istio-controller",
    "net-contour-controller",
    "net-kourier-controller",
    "net-gateway-api-controller",
];

#[test]
fn config_11_a_component_falls_back_to_the_logger_and_then_to_info() {
    for component in COMPONENTS {
        let key = format!("loglevel.{component}");
        let zap = (
            "zap-logger-config",
            r#"{"level": "error", "encoding": "json"}"#,
        );
        let s = accepts::<Logging>(&[zap, (&key, "Debug")]);
        assert_eq!(s.level_of(component), Level::Debug);
        assert_eq!(s.level_of("another"), Level::Error);
        assert_eq!(Logging::default().level_of(component), Level::Info);
    }
}

#[test]
fn config_11_levels() {
    for (text, want) in [
        ("debug", Level::Debug),
        ("INFO", Level::Info),
        ("warn", Level::Warn),
        ("Warning", Level::Warn),
        ("error", Level::Error),
        ("dpanic", Level::DPanic),
        ("panic", Level::Panic),
        ("fatal", Level::Fatal),
    ] {
        let s = accepts::<Logging>(&[("loglevel.webhook", text)]);
        assert_eq!(s.level_of("webhook"), want, "{text}");
    }
    for text in ["loud", " info", "trace", "0"] {
        let want = format!("invalid logging level: {text}");
        refuses::<Logging>(&[("loglevel.webhook", text)], &want);
    }
}

#[test]
fn config_11_what_is_empty_or_cannot_be_read_by_zap_is_let_through() {
    let s = accepts::<Logging>(&[
        ("loglevel.webhook", ""),
        ("loglevel.", "loud"),
        ("zap-logger-config", "{not json"),
    ]);
    assert_eq!(s.level_of("webhook"), Level::Info);
    assert_eq!(s.zap_logger_config, "{not json");
}

#[test]
fn config_11_queue_proxy_is_told_its_own_level_only() {
    let zap = ("zap-logger-config", r#"{"level": "error"}"#);
    assert_eq!(accepts::<Logging>(&[zap]).queueproxy_level(), "");
    let s = accepts::<Logging>(&[zap, ("loglevel.queueproxy", "WARNING")]);
    assert_eq!(s.queueproxy_level(), "warn");
}
