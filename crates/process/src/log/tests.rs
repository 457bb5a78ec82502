use std::sync::Mutex;

use serde_json::Value;
use tracing::info_span;

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Value>>>);

impl Sink for Lines {
    fn line(&self, bytes: &[u8]) {
        assert_eq!(bytes.last(), Some(&b'\n'));
        self.0
            .lock()
            .unwrap()
            .push(serde_json::from_slice(bytes).unwrap());
    }
}

/// Runs `body` with its own log and gives back the parsed lines.
fn logged(level: Level, body: impl FnOnce(&Handle)) -> Vec<Value> {
    let lines = Lines::default();
    let level = Arc::new(AtomicU8::new(level as u8));
    let handle = Handle {
        level: level.clone(),
    };
    let layer = JsonLines::new("controller", level, lines.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || body(&handle));
    let lines = lines.0.lock().unwrap();
    lines.clone()
}

#[test]
fn a_line_has_the_members_that_upstream_tools_read() {
    let lines = logged(Level::Info, |_| {
        let span = info_span!(
            "reconcile",
            logger = "service-controller",
            "knative.dev/key" = "ns/hello"
        );
        span.in_scope(|| tracing::warn!(attempt = 3, "could not write"));
    });
    let line = &lines[0];
    assert_eq!(line["severity"], "WARNING");
    assert_eq!(line["logger"], "controller.service-controller");
    assert_eq!(line["message"], "could not write");
    assert_eq!(line["knative.dev/key"], "ns/hello");
    assert_eq!(line["attempt"], 3);
    assert!(
        line["caller"]
            .as_str()
            .unwrap()
            .starts_with("process/src/log/tests.rs:")
    );
    line["timestamp"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
}

#[test]
fn a_level_change_holds_from_the_next_event_on() {
    let lines = logged(Level::Info, |handle| {
        for step in 0..2 {
            tracing::debug!(step, "detail");
            handle.set_level(Level::Debug);
        }
    });
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["step"], 1);
}

#[test]
fn other_crates_are_heard_from_warning_up() {
    let lines = logged(Level::Debug, |_| {
        tracing::info!(target: "hyper::client", "chatter");
        tracing::error!(target: "hyper::client", "broken");
    });
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["message"], "broken");
}

#[test]
fn a_chain_tells_every_cause_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("no route")]
    struct Cause;
    #[derive(Debug, thiserror::Error)]
    #[error("cannot connect: no route")]
    struct Repeats(#[source] Cause);
    #[derive(Debug, thiserror::Error)]
    #[error("list of pods")]
    struct Outer(#[source] Repeats);
    assert_eq!(
        Chain(&Outer(Repeats(Cause))).to_string(),
        "list of pods: cannot connect: no route"
    );
}

#[test]
fn the_level_is_read_from_a_zap_config() {
    assert_eq!(
        Level::from_zap_config(r#"{"level": "warn", "encoding": "json"}"#),
        Some(Level::Warn)
    );
    assert_eq!(Level::from_zap_config("not json"), None);
    assert!("loud".parse::<Level>().is_err());
}
