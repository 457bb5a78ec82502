//! Turns an event and the fields around it into one line of JSON.

use std::error::Error;
use std::fmt;

use serde_json::Value;
use tracing::Metadata;
use tracing::field::{Field, Visit};

use super::Chain;

/// Fields of a span or an event, in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Fields {
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    fn set(&mut self, name: &'static str, value: Value) {
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.values.push((name, value)),
        }
    }

    /// Adds the fields of a span further in. Its `logger` field lengthens the logger's name instead.
    pub(super) fn extend(&mut self, inner: &Fields, logger: &mut String) {
        for (name, value) in &inner.values {
            match (*name, value) {
                ("logger", Value::String(part)) => {
                    logger.push('.');
                    logger.push_str(part);
                }
                _ => self.set(name, value.clone()),
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), Value::String(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field.name(), Value::String(Chain(value).to_string()));
    }
}

/// One line, with its end. Members stand in the order that reads best, not in that of the alphabet.
pub(super) fn line(
    metadata: &Metadata<'_>,
    logger: &str,
    message: &str,
    fields: &Fields,
) -> String {
    let mut line = Line {
        text: String::with_capacity(256),
    };
    line.member("severity", &severity(metadata.level()).into());
    line.member("timestamp", &jiff::Timestamp::now().to_string().into());
    line.member("logger", &logger.into());
    if let (Some(file), Some(number)) = (metadata.file(), metadata.line()) {
        let file = file.strip_prefix("crates/").unwrap_or(file);
        line.member("caller", &format!("{file}:{number}").into());
    }
    line.member("message", &message.into());
    if let Some(commit) = option_env!("EBB_COMMIT") {
        line.member("commit", &commit.into());
    }
    for (name, value) in &fields.values {
        line.member(name, value);
    }
    line.text.push_str("}\n");
    line.text
}

struct Line {
    text: String,
}

impl Line {
    fn member(&mut self, name: &str, value: &Value) {
        use fmt::Write as _;
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        // `Display` of a JSON value escapes; writing into a String cannot fail.
        let _ = write!(self.text, "{}:{value}", Value::from(name));
    }
}

fn severity(level: &tracing::Level) -> &'static str {
    match *level {
        tracing::Level::ERROR => "ERROR",
        tracing::Level::WARN => "WARNING",
        tracing::Level::INFO => "INFO",
        tracing::Level::DEBUG | tracing::Level::TRACE => "DEBUG",
    }
}
