//! `config-logging`: how much each component says.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::{Reader, Settings};

/// The settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// The logger's own JSON, handed to queue-proxy as it is.
    pub zap_logger_config: String,
    levels: BTreeMap<String, Level>,
    base: Option<Level>,
}

/// A level, from chatty to silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One line per decision.
    Debug,
    /// A person's action took effect.
    Info,
    /// We coped, but look.
    Warn,
    /// A person must act.
    Error,
    /// As above; stops programs in development.
    DPanic,
    /// As above; stops the task.
    Panic,
    /// As above; stops the process.
    Fatal,
}

impl Level {
    fn read(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" => Self::Error,
            "dpanic" => Self::DPanic,
            "panic" => Self::Panic,
            "fatal" => Self::Fatal,
            _ => return None,
        })
    }

    /// The level's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::DPanic => "dpanic",
            Self::Panic => "panic",
            Self::Fatal => "fatal",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Logging {
    /// The level set for this component alone.
    #[must_use]
    pub fn own_level_of(&self, component: &str) -> Option<Level> {
        self.levels.get(component).copied()
    }

    /// The level that queue-proxy is started with; empty when none is set for it alone.
    #[must_use]
    pub fn queueproxy_level(&self) -> &'static str {
        self.own_level_of("queueproxy").map_or("", Level::as_str)
    }

    /// The level of a component: its own, else the logger's, else info.
    #[must_use]
    pub fn level_of(&self, component: &str) -> Level {
        self.own_level_of(component)
            .or(self.base)
            .unwrap_or(Level::Info)
    }
}

impl Settings for Logging {
    const NAME: &'static str = "config-logging";

    fn read(r: &mut Reader<'_>) -> Self {
        let zap_logger_config = r.raw("zap-logger-config").unwrap_or_default().to_owned();
        // Not checked at admission: a process that cannot read it uses its built-in logger.
        let base = serde_json::from_str::<Value>(&zap_logger_config)
            .ok()
            .and_then(|json| Level::read(json.get("level")?.as_str()?));
        let mut levels = BTreeMap::new();
        for (component, text) in r.all("loglevel.") {
            match Level::read(text) {
                Some(level) => {
                    levels.insert(component.to_owned(), level);
                }
                None if text.is_empty() || component.is_empty() => {}
                None => {
                    let key = format!("loglevel.{component}");
                    r.refuse(&key, format!("invalid logging level: {text}"))
                        .hint(format!(
                            "{key} must be debug, info, warn, error, dpanic, panic or fatal"
                        ));
                }
            }
        }
        Self {
            zap_logger_config,
            levels,
            base,
        }
    }
}
