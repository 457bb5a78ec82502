//! Reads typed values out of a ConfigMap and collects what is wrong.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Data, Errors, Problem};
use crate::go;
use crate::quantity::Amount;
use crate::template::Template;

/// A value that a ConfigMap can hold.
pub(super) trait FromText: Sized {
    /// Reads it; the error is the parser's text without the key.
    fn from_text(text: &str) -> Result<Self, String>;
}

pub(super) struct Reader<'a> {
    data: &'a Data,
    prefix: &'static str,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(data: &'a Data) -> Self {
        Self {
            data,
            prefix: "",
            problems: Vec::new(),
        }
    }

    /// Puts `prefix` before each complaint about a value that does not parse.
    pub(super) fn with_prefix(data: &'a Data, prefix: &'static str) -> Self {
        Self {
            prefix,
            ..Self::new(data)
        }
    }

    /// Replaces `value` by what is written under any of the keys; the last one present wins, so
    /// legacy spellings come first.
    pub(super) fn read<T: FromText>(&mut self, keys: &[&str], value: &mut T) {
        for &key in keys {
            let Some(text) = self.data.get(key) else {
                continue;
            };
            match T::from_text(text) {
                Ok(parsed) => *value = parsed,
                Err(cause) => self.refuse(
                    key,
                    format!("{}failed to parse {}: {cause}", self.prefix, go::quote(key)),
                ),
            }
        }
    }

    /// The text under the key, as it was written.
    pub(super) fn raw(&self, key: &str) -> Option<&'a str> {
        self.data.get(key).map(String::as_str)
    }

    /// Records a problem with the key.
    pub(super) fn refuse(&mut self, key: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            key: key.to_owned(),
            value: self.data.get(key).cloned(),
            message: message.into(),
        });
    }

    /// Records a problem unless the rule holds.
    pub(super) fn require(&mut self, holds: bool, key: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.refuse(key, message());
        }
    }

    /// The settings, or all problems.
    pub(super) fn finish<T>(self, settings: T) -> Result<T, Errors> {
        if self.problems.is_empty() {
            Ok(settings)
        } else {
            Err(Errors(self.problems))
        }
    }
}

impl FromText for bool {
    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_bool(text)
    }
}

impl FromText for i32 {
    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_int(text)
    }
}

impl FromText for i64 {
    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_int(text)
    }
}

impl FromText for u32 {
    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_uint(text)
    }
}

impl FromText for f64 {
    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_float(text)
    }
}

impl FromText for SignedDuration {
    fn from_text(text: &str) -> Result<Self, String> {
        go::parse_duration(text)
    }
}

impl FromText for String {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.trim().to_owned())
    }
}

impl FromText for BTreeSet<String> {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text
            .split(',')
            .map(|member| member.trim().to_owned())
            .collect())
    }
}

impl FromText for Option<Quantity> {
    fn from_text(text: &str) -> Result<Self, String> {
        Amount::parse(text).map_err(|e| e.to_string())?;
        Ok(Some(Quantity(text.to_owned())))
    }
}

impl FromText for Template {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|e| e.to_string())
    }
}
