//! Reads typed values out of a ConfigMap and collects what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;

use super::{Data, Errors, Problem};
use crate::go;
use crate::quantity::Amount;
use crate::template::Template;

/// A value that a ConfigMap can hold.
pub(super) trait FromText: Sized {
    /// What such a value must be, for people who do not know Go.
    const ALLOWED: &'static str;

    /// Reads it; the error is the parser's text without the key.
    fn from_text(text: &str) -> Result<Self, String>;
}

/// Reads one ConfigMap, and remembers which keys it was asked for.
#[derive(Debug)]
pub struct Reader<'a> {
    data: &'a Data,
    prefix: &'static str,
    /// Of legacy spellings: upstream reads all of them before the others.
    legacy: Vec<Problem>,
    problems: Vec<Problem>,
    unreadable: BTreeSet<String>,
    asked: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Puts `prefix` before each complaint about a value that does not parse.
    pub(super) fn new(data: &'a Data, prefix: &'static str) -> Self {
        Self {
            data,
            prefix,
            legacy: Vec::new(),
            problems: Vec::new(),
            unreadable: BTreeSet::new(),
            asked: Vec::new(),
        }
    }

    /// Replaces `value` by what is written under any of the keys; the last one present wins, so
    /// legacy spellings come first.
    pub(super) fn read<T: FromText>(&mut self, keys: &[&str], value: &mut T) {
        for (at, &key) in keys.iter().enumerate() {
            let Some(text) = self.raw(key) else {
                continue;
            };
            let cause = match T::from_text(text) {
                Ok(parsed) => {
                    *value = parsed;
                    continue;
                }
                Err(cause) => cause,
            };
            let problem = Problem {
                key: key.to_owned(),
                value: Some(text.to_owned()),
                message: format!("{}failed to parse {}: {cause}", self.prefix, go::quote(key)),
                hint: Some(format!("must be {}", T::ALLOWED)),
            };
            let is_legacy = at + 1 < keys.len();
            if is_legacy {
                self.legacy.push(problem);
            } else {
                self.problems.push(problem);
            }
            self.unreadable
                .extend(keys.iter().map(|&key| key.to_owned()));
        }
    }

    /// The same for a template, about which upstream complains without naming the key. Gives the key
    /// that counts, for further complaints.
    pub(super) fn template<'k>(&mut self, keys: &[&'k str], value: &mut Template) -> &'k str {
        let Some((key, text)) = keys
            .iter()
            .filter_map(|key| Some((*key, self.raw(key)?)))
            .last()
        else {
            return keys.last().copied().unwrap_or_default();
        };
        match Template::parse(text.trim()) {
            Ok(parsed) => *value = parsed,
            Err(cause) => {
                self.refuse(key, cause.to_string())
                    .hint(format!("{key} must be a Go template"));
                self.unreadable
                    .extend(keys.iter().map(|&key| key.to_owned()));
            }
        }
        key
    }

    /// The text under the key, as it was written.
    pub(super) fn raw(&mut self, key: &str) -> Option<&'a str> {
        self.asked.push(key.to_owned());
        self.data.get(key).map(String::as_str)
    }

    /// What is written under all keys that begin with `prefix`, by the rest of the key.
    pub(super) fn all(&mut self, prefix: &str) -> BTreeMap<&'a str, &'a str> {
        self.asked.push(format!("{prefix}*"));
        self.data
            .iter()
            .filter_map(|(key, text)| Some((key.strip_prefix(prefix)?, text.as_str())))
            .collect()
    }

    /// Records a problem with the key.
    pub(super) fn refuse(&mut self, key: &str, message: impl Into<String>) -> &mut Problem {
        self.problems.push(Problem {
            key: key.to_owned(),
            value: self.data.get(key).cloned(),
            message: message.into(),
            hint: None,
        });
        self.problems.last_mut().expect("one was pushed")
    }

    /// Records a problem with the first of `keys` unless the rule holds. When one of the keys could
    /// not be read there is nothing to hold the rule against.
    pub(super) fn require(&mut self, holds: bool, keys: &[&str], message: impl FnOnce() -> String) {
        if !holds && self.could_read(keys) {
            self.refuse(keys[0], message());
        }
    }

    /// Whether what is written under these keys, if anything, has its type.
    pub(super) fn could_read(&self, keys: &[&str]) -> bool {
        !keys.iter().any(|key| self.unreadable.contains(*key))
    }

    /// The settings, or all problems.
    pub(super) fn finish<T>(self, settings: T) -> Result<T, Errors> {
        let mut problems = self.legacy;
        problems.extend(self.problems);
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(Errors(problems))
        }
    }

    /// The keys that were asked for, in order; a star stands for any text.
    pub(super) fn asked(self) -> Vec<String> {
        self.asked
    }
}

/// A value of this shape in YAML; `None` if nothing is written. A number where a text belongs is
/// refused, as the API server would.
pub(super) fn yaml<T: DeserializeOwned>(text: &str) -> Result<Option<T>, String> {
    let tree: Option<serde_yaml_ng::Value> =
        serde_yaml_ng::from_str(text).map_err(|cause| cause.to_string())?;
    Option::deserialize(tree.unwrap_or_default()).map_err(|cause| cause.to_string())
}

impl FromText for bool {
    const ALLOWED: &'static str = "true or false";

    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_bool(text)
    }
}

impl FromText for i32 {
    const ALLOWED: &'static str = "a whole number from -2147483648 to 2147483647";

    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_int(text)
    }
}

impl FromText for i64 {
    const ALLOWED: &'static str = "a whole number";

    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_int(text)
    }
}

impl FromText for u32 {
    const ALLOWED: &'static str = "a whole number from 0 to 4294967295";

    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_uint(text)
    }
}

impl FromText for f64 {
    const ALLOWED: &'static str = "a number";

    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_float(text)
    }
}

impl FromText for SignedDuration {
    const ALLOWED: &'static str = "a duration such as 90s or 1h30m";

    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_duration(text)
    }
}

impl FromText for String {
    const ALLOWED: &'static str = "a text";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.trim().to_owned())
    }
}

impl FromText for BTreeSet<String> {
    const ALLOWED: &'static str = "texts separated by commas";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text
            .split(',')
            .map(|member| member.trim().to_owned())
            .collect())
    }
}

impl FromText for Option<Quantity> {
    const ALLOWED: &'static str = "a quantity such as 100m or 512Mi";

    fn from_text(text: &str) -> Result<Self, String> {
        Amount::parse(text).map_err(|e| e.to_string())?;
        Ok(Some(Quantity(text.to_owned())))
    }
}
