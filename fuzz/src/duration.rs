//! Durations and numbers as Go reads them: what is read and written again is the same.

use ebb_core::{config, go};

/// The longest duration, in nanoseconds; below zero there is one that is longer.
const LONGEST: i128 = i64::MAX as i128;

/// Reads the input as a duration and as numbers.
///
/// # Panics
/// If something does not survive being written, or a refusal does not quote what was refused.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match go::parse_duration(text) {
        Ok(value) => {
            let written = go::duration(value);
            assert_eq!(go::parse_duration(&written), Ok(value), "{written}");
            let negated = match text.strip_prefix('-') {
                Some(rest) => rest.to_owned(),
                None => format!("-{}", text.strip_prefix('+').unwrap_or(text)),
            };
            let opposite = value.checked_neg().filter(|it| it.as_nanos() <= LONGEST);
            assert_eq!(go::parse_duration(&negated).ok(), opposite, "{negated}");
            // Two in a row add up, unless they are too long for Go.
            if !text.starts_with(['+', '-']) && text != "0" {
                let twice = go::parse_duration(&format!("{text}{text}"));
                assert!(twice.is_err() || twice == Ok(value * 2), "{twice:?}");
            }
            assert_eq!(config::parse_duration(text).is_ok(), !value.is_negative());
        }
        Err(cause) => {
            assert!(cause.starts_with("time: "), "{cause}");
            assert!(
                cause.ends_with('"') && cause.chars().all(|c| c >= ' '),
                "{cause:?}"
            );
            assert_eq!(config::parse_duration(text), Err(cause));
        }
    }
    numbers(text);
    quotes(text);
}

fn numbers(text: &str) {
    if let Ok(number) = go::parse_int::<i64>(text) {
        assert_eq!(go::parse_int(&number.to_string()), Ok(number));
        let fits = i32::try_from(number).ok();
        assert_eq!(go::parse_int::<i32>(text).ok(), fits);
    }
    if let Ok(number) = go::parse_uint::<u32>(text) {
        assert_eq!(go::parse_int(text), Ok(i64::from(number)));
    }
    if let Ok(number) = go::parse_float(text) {
        let again = go::parse_float(&number.to_string()).map(f64::to_bits);
        assert!(
            again == Ok(number.to_bits()) || number.is_nan(),
            "{again:?}"
        );
    }
    if let Ok(truth) = go::parse_bool(text) {
        assert_eq!(go::parse_bool(&truth.to_string()), Ok(truth));
    }
}

/// A quoted text is one line and at most six times as long.
fn quotes(text: &str) {
    let quoted = go::quote(text);
    assert!(!quoted.contains(char::is_control), "{quoted}");
    assert!(quoted.len() <= 6 * text.len() + 2);
}
