//! Logs as upstream writes them: one JSON object a line on stderr.
//!
//! | member | content |
//! |---|---|
//! | `severity` | `DEBUG`, `INFO`, `WARNING`, `ERROR` |
//! | `timestamp` | RFC 3339 in UTC with up to nine fractional digits |
//! | `logger` | the component, then the name of the enclosing span's `logger` field if it has one |
//! | `caller` | source file and line |
//! | `message` | the text of the event |
//! | others | fields of the enclosing spans from the outermost in, then of the event; a later one wins |
//!
//! Only our own crates log below `WARN`: what hyper or rustls say at `DEBUG` helps nobody who runs a service.
//! The level can change while the process runs ([`Handle::set_level`]). There is no sampling, no file and no rotation;
//! that is the container runtime's job.

mod format;

use std::error::Error;
use std::fmt;
use std::io::Write as _;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use self::format::Fields;

/// How much a process says. Ordered: a later level says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Only what a person must act upon.
    Error = 1,
    /// Also what was coped with but deserves a look.
    Warn = 2,
    /// Also actions of people that took effect. The default.
    Info = 3,
    /// Also one line per decision.
    Debug = 4,
}

/// A level name that `config-logging` does not know.
#[derive(Debug, thiserror::Error)]
#[error("invalid logging level: {0}")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    /// Reads the names of `config-logging`; `dpanic`, `panic` and `fatal` all mean [`Level::Error`] here.
    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        match name.trim().to_ascii_lowercase().as_str() {
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" | "warning" => Ok(Self::Warn),
            "error" | "dpanic" | "panic" | "fatal" => Ok(Self::Error),
            _ => Err(UnknownLevel(name.to_owned())),
        }
    }
}

impl Level {
    fn of(level: &tracing::Level) -> Self {
        match *level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG | tracing::Level::TRACE => Self::Debug,
        }
    }

    /// Reads `level` out of a zap logger configuration, the JSON text under `zap-logger-config`.
    ///
    /// Returns `None` when the text is not JSON or names no level: the caller then keeps what it has.
    pub fn from_zap_config(text: &str) -> Option<Self> {
        let parsed: serde_json::Value = serde_json::from_str(text).ok()?;
        parsed.get("level")?.as_str()?.parse().ok()
    }
}

/// Changes the level of the running process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    level: Arc<AtomicU8>,
}

impl Handle {
    /// Makes `level` hold from the next event on.
    pub fn set_level(&self, level: Level) {
        let old = self.level.swap(level as u8, Ordering::Relaxed);
        if old != level as u8 {
            tracing::callsite::rebuild_interest_cache();
        }
    }
}

/// Makes the JSON log the one of this process. Call it once, first thing in `main`.
///
/// `component` is the first part of every line's `logger`. A second call changes nothing but the level its own
/// handle believes in, which is what tests in one process need.
pub fn init(component: &'static str, level: Level) -> Handle {
    let level = Arc::new(AtomicU8::new(level as u8));
    let layer = JsonLines::new(component, level.clone(), Stderr);
    let subscriber = tracing_subscriber::registry().with(layer);
    // An error means that a subscriber is there already.
    let _ = tracing::subscriber::set_global_default(subscriber);
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text = info.payload_as_str().unwrap_or("panic without a text");
        tracing::error!(panicked_at = %place, "panic: {text}");
    }));
    Handle { level }
}

/// Shows an error with all its causes, outermost first, parted by `: `.
///
/// Causes that only repeat the end of the line so far are left out, as some libraries print their source themselves.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !said.ends_with(&text) {
                said.push_str(": ");
                said.push_str(&text);
            }
            cause = error.source();
        }
        f.write_str(&said)
    }
}

// === the layer ===

/// Where finished lines go. One call a line, so that lines of several threads do not mix.
trait Sink: Send + Sync + 'static {
    fn line(&self, bytes: &[u8]);
}

struct Stderr;

impl Sink for Stderr {
    fn line(&self, bytes: &[u8]) {
        // Nobody is left to tell when stderr is gone.
        let _ = std::io::stderr().lock().write_all(bytes);
    }
}

struct JsonLines<S> {
    component: &'static str,
    level: Arc<AtomicU8>,
    sink: S,
}

impl<S: Sink> JsonLines<S> {
    fn new(component: &'static str, level: Arc<AtomicU8>, sink: S) -> Self {
        Self {
            component,
            level,
            sink,
        }
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let ours =
            metadata.target().starts_with("ebb_") || metadata.target().starts_with(self.component);
        let event = Level::of(metadata.level());
        let limit = self.level.load(Ordering::Relaxed);
        (ours || event <= Level::Warn)
            && event as u8 <= limit
            && *metadata.level() != tracing::Level::TRACE
    }
}

impl<S, R> Layer<R> for JsonLines<S>
where
    S: Sink,
    R: Subscriber + for<'a> LookupSpan<'a>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Spans carry fields for the events inside them, whatever their own level.
        let span_of_ours = metadata.is_span() && metadata.target().starts_with("ebb_");
        if span_of_ours || self.wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, R>) -> bool {
        metadata.is_span() || self.wants(metadata)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, R>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, R>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, R>) {
        let mut fields = Fields::default();
        let mut logger = self.component.to_owned();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.extend(outer, &mut logger);
            }
        }
        let mut message = Message {
            text: String::new(),
            fields: &mut fields,
        };
        event.record(&mut message);
        let text = message.text;
        let line = format::line(event.metadata(), &logger, &text, &fields);
        self.sink.line(line.as_bytes());
    }
}

/// Parts the message of an event from its other fields.
struct Message<'a> {
    text: String,
    fields: &'a mut Fields,
}

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            use fmt::Write as _;
            let _ = write!(self.text, "{value:?}");
        } else {
            self.fields.record_debug(field, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.text.push_str(value);
        } else {
            self.fields.record_str(field, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.record_i64(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.record_u64(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.record_f64(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.record_bool(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.fields.record_error(field, value);
    }
}

#[cfg(test)]
mod tests;
