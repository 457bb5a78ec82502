//! `config-gc`: which revisions are collected.

use jiff::SignedDuration;

use super::{Reader, Settings};
use crate::go;

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gc {
    /// The age below which a revision is kept; `None` never deletes by age.
    pub retain_since_create_time: Option<SignedDuration>,
    /// The time without a route below which a revision is kept; `None` never deletes by it.
    pub retain_since_last_active_time: Option<SignedDuration>,
    /// Inactive revisions that are always kept.
    pub min_non_active_revisions: usize,
    /// Inactive revisions that are kept at most; `None` for any number.
    pub max_non_active_revisions: Option<usize>,
}

impl Default for Gc {
    fn default() -> Self {
        Self {
            retain_since_create_time: Some(SignedDuration::from_hours(48)),
            retain_since_last_active_time: Some(SignedDuration::from_hours(15)),
            min_non_active_revisions: 20,
            max_non_active_revisions: Some(1000),
        }
    }
}

impl Settings for Gc {
    const NAME: &'static str = "config-gc";

    const PREFIX: &'static str = "failed to parse data: ";

    fn read(r: &mut Reader<'_>) -> Self {
        let mut s = Self::default();
        let mut min: i64 = 20;
        r.read(&["min-non-active-revisions"], &mut min);
        s.retain_since_create_time =
            period(r, "retain-since-create-time", s.retain_since_create_time);
        s.retain_since_last_active_time = period(
            r,
            "retain-since-last-active-time",
            s.retain_since_last_active_time,
        );
        s.max_non_active_revisions = maximum(r, s.max_non_active_revisions);
        let (min_key, max_key) = ("min-non-active-revisions", "max-non-active-revisions");
        r.require(min >= 0, &[min_key], || {
            format!("{min_key} must be non-negative, was: {min}")
        });
        s.min_non_active_revisions = usize::try_from(min).unwrap_or_default();
        let min = s.min_non_active_revisions;
        if let Some(max) = s.max_non_active_revisions {
            r.require(min <= max, &[min_key, max_key], || {
                format!("{min_key}({min}) must be <= {max_key}({max})")
            });
        }
        s
    }
}

/// A limit as it is written: nothing keeps the default, one word turns it off.
enum Limit<'a> {
    Default,
    Disabled,
    Text(&'a str),
}

fn limit<'a>(r: &mut Reader<'a>, key: &str) -> Limit<'a> {
    match r.raw(key).map(str::trim) {
        None | Some("") => Limit::Default,
        Some(text) if text.eq_ignore_ascii_case("disabled") => Limit::Disabled,
        Some(text) => Limit::Text(text),
    }
}

fn period(
    r: &mut Reader<'_>,
    key: &str,
    default: Option<SignedDuration>,
) -> Option<SignedDuration> {
    let fault = match limit(r, key) {
        Limit::Default => return default,
        Limit::Disabled => return None,
        Limit::Text(text) => match go::parse_duration(text) {
            Ok(period) if !period.is_negative() => return Some(period),
            Ok(_) => "must be non-negative".to_owned(),
            Err(cause) => cause,
        },
    };
    r.refuse(key, format!("failed to parse {key}: {fault}"))
        .hint("must be a duration such as 48h, or disabled");
    default
}

fn maximum(r: &mut Reader<'_>, default: Option<usize>) -> Option<usize> {
    let key = "max-non-active-revisions";
    match limit(r, key) {
        Limit::Default => default,
        Limit::Disabled => None,
        Limit::Text(text) => match go::parse_uint(text) {
            Ok(max) => Some(max),
            Err(cause) => {
                r.refuse(key, format!("failed to parse {key}: {cause}"))
                    .hint("must be a whole number, or disabled");
                // No limit, so that nothing else is held against it.
                None
            }
        },
    }
}
