//! `config-gc`: which revisions are collected.

use jiff::SignedDuration;

use super::{Data, Errors, Reader, Settings};
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

    fn parse(data: &Data) -> Result<Self, Errors> {
        let mut r = Reader::with_prefix(data, "failed to parse data: ");
        let mut s = Self::default();
        let mut min: i64 = 20;
        r.read(&["min-non-active-revisions"], &mut min);
        s.retain_since_create_time = period(
            &mut r,
            "retain-since-create-time",
            s.retain_since_create_time,
        );
        s.retain_since_last_active_time = period(
            &mut r,
            "retain-since-last-active-time",
            s.retain_since_last_active_time,
        );
        s.max_non_active_revisions = maximum(&mut r, s.max_non_active_revisions);
        match usize::try_from(min) {
            Ok(min) => s.min_non_active_revisions = min,
            Err(_) => r.refuse(
                "min-non-active-revisions",
                format!("min-non-active-revisions must be non-negative, was: {min}"),
            ),
        }
        let min = s.min_non_active_revisions;
        if let Some(max) = s.max_non_active_revisions {
            r.require(min <= max, "min-non-active-revisions", || {
                format!(
                    "min-non-active-revisions({min}) must be <= max-non-active-revisions({max})"
                )
            });
        }
        r.finish(s)
    }
}

fn period(
    r: &mut Reader<'_>,
    key: &str,
    default: Option<SignedDuration>,
) -> Option<SignedDuration> {
    let fault = match r.raw(key) {
        None | Some("") => return default,
        Some(text) if text.eq_ignore_ascii_case("disabled") => return None,
        Some(text) => match go::parse_duration(text) {
            Ok(period) if !period.is_negative() => return Some(period),
            Ok(_) => "must be non-negative".to_owned(),
            Err(cause) => cause,
        },
    };
    r.refuse(key, format!("failed to parse {key}: {fault}"));
    default
}

fn maximum(r: &mut Reader<'_>, default: Option<usize>) -> Option<usize> {
    let key = "max-non-active-revisions";
    match r.raw(key) {
        None | Some("") => default,
        Some(text) if text.eq_ignore_ascii_case("disabled") => None,
        Some(text) => match go::parse_uint(text) {
            Ok(max) => Some(max),
            Err(cause) => {
                r.refuse(key, format!("failed to parse {key}: {cause}"));
                default
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test::{accepts, refuses};

    #[test]
    fn each_limit_can_be_turned_off() {
        let s = accepts::<Gc, 3>([
            ("retain-since-create-time", "Disabled"),
            ("retain-since-last-active-time", ""),
            ("max-non-active-revisions", "disabled"),
        ]);
        assert_eq!(
            s,
            Gc {
                retain_since_create_time: None,
                max_non_active_revisions: None,
                ..Gc::default()
            }
        );
    }

    #[test]
    fn bad_limits_are_refused() {
        refuses::<Gc, 1>(
            [("retain-since-create-time", "-1s")],
            "failed to parse retain-since-create-time: must be non-negative",
        );
        refuses::<Gc, 1>(
            [("min-non-active-revisions", "-1")],
            "min-non-active-revisions must be non-negative, was: -1",
        );
        refuses::<Gc, 1>(
            [("max-non-active-revisions", "10")],
            "min-non-active-revisions(20) must be <= max-non-active-revisions(10)",
        );
        refuses::<Gc, 1>(
            [("min-non-active-revisions", "")],
            "failed to parse data: failed to parse \"min-non-active-revisions\": strconv.ParseInt: parsing \"\": invalid syntax",
        );
    }
}
