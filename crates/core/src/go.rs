//! Texts as Go's standard library reads and writes them.
//!
//! Users' settings, annotations and the messages about them were defined in terms of Go's
//! `strconv` and `time`; this reproduces the part that shows.

use std::fmt::Write as _;

use jiff::SignedDuration;

const SECOND: i128 = 1_000_000_000;

/// `strconv.ParseBool`.
///
/// # Errors
/// Go's text for anything but its twelve spellings.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!(
            "strconv.ParseBool: parsing {}: invalid syntax",
            quote(text)
        )),
    }
}

/// `strconv.ParseInt` in base 10, for the width of `T`.
///
/// # Errors
/// Go's text for what is no number or does not fit.
pub fn parse_int<T: TryFrom<i128>>(text: &str) -> Result<T, String> {
    integer(
        "ParseInt",
        text,
        text.strip_prefix(['+', '-']).unwrap_or(text),
    )
}

/// `strconv.ParseUint` in base 10, for the width of `T`.
///
/// # Errors
/// Go's text for what is no number or does not fit.
pub fn parse_uint<T: TryFrom<i128>>(text: &str) -> Result<T, String> {
    integer("ParseUint", text, text)
}

fn integer<T: TryFrom<i128>>(function: &str, text: &str, digits: &str) -> Result<T, String> {
    let fault = |what| format!("strconv.{function}: parsing {}: {what}", quote(text));
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fault("invalid syntax"));
    }
    // All digits: what fails now is too long even for 128 bits.
    let number: i128 = text.parse().map_err(|_| fault("value out of range"))?;
    T::try_from(number).map_err(|_| fault("value out of range"))
}

/// `strconv.ParseFloat` with 64 bits.
///
/// # Errors
/// Go's text for what is no number or does not fit.
pub fn parse_float(text: &str) -> Result<f64, String> {
    let fault = |what| format!("strconv.ParseFloat: parsing {}: {what}", quote(text));
    let number: f64 = text.parse().map_err(|_| fault("invalid syntax"))?;
    if number.is_infinite() && text.bytes().any(|b| b.is_ascii_digit()) {
        return Err(fault("value out of range"));
    }
    Ok(number)
}

/// `time.ParseDuration`.
///
/// # Errors
/// Go's text.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let scale = match unit {
            "" => return Err(format!("time: missing unit in duration {}", quote(text))),
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3600 * SECOND,
            _ => {
                return Err(format!(
                    "time: unknown unit {} in duration {}",
                    quote(unit),
                    quote(text)
                ));
            }
        };
        // More than 18 digits after the point cannot change a nanosecond.
        let fraction = &fraction[..fraction.len().min(18)];
        let amount: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| invalid())?
        };
        let part: i128 = if fraction.is_empty() {
            0
        } else {
            fraction.parse().map_err(|_| invalid())?
        };
        let exponent = u32::try_from(fraction.len()).map_err(|_| invalid())?;
        let nanos =
            amount.checked_mul(scale).ok_or_else(invalid)? + part * scale / 10_i128.pow(exponent);
        total = total
            .checked_add(nanos)
            .filter(|t| *t <= i128::from(i64::MAX))
            .ok_or_else(invalid)?;
        rest = after;
    }
    Ok(SignedDuration::from_nanos_i128(if negative {
        -total
    } else {
        total
    }))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

/// `time.Duration.String`, e.g. `1h0m0s`.
#[must_use]
pub fn duration(value: impl TryInto<SignedDuration>) -> String {
    let Ok(value) = value.try_into() else {
        // A std duration beyond what Go can hold.
        return "2562047h47m16.854775807s".to_owned();
    };
    let nanos = value.as_nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let rest = nanos.unsigned_abs();
    if rest == 0 {
        return "0s".to_owned();
    }
    if rest < SECOND.unsigned_abs() {
        let (unit, scale) = match rest {
            0..1_000 => ("ns", 1),
            1_000..1_000_000 => ("\u{b5}s", 1_000),
            _ => ("ms", 1_000_000),
        };
        return format!("{sign}{}{unit}", decimal(rest, scale));
    }
    let seconds = decimal(rest % (60 * SECOND.unsigned_abs()), SECOND.unsigned_abs());
    let minutes = rest / (60 * SECOND.unsigned_abs());
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / scale` as a decimal number without trailing zeros; `scale` is a power of ten.
fn decimal(value: u128, scale: u128) -> String {
    let (whole, fraction) = (value / scale, value % scale);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    format!(
        "{whole}.{}",
        format!("{fraction:0width$}").trim_end_matches('0')
    )
}

/// The verb `%q`: a text between double quotes, with escapes.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A list as `%v` prints it: `[a b]`.
#[must_use]
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    format!("[{}]", items.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_go_does() {
        let cases = [
            ("0", "0s"),
            ("90s", "1m30s"),
            ("1h", "1h0m0s"),
            ("1h30m", "1h30m0s"),
            ("1.5s", "1.5s"),
            ("500ms", "500ms"),
            ("-1s", "-1s"),
            ("+2m", "2m0s"),
            (".5m", "30s"),
            ("1500us", "1.5ms"),
            ("7ns", "7ns"),
            ("1h0.001s", "1h0m0.001s"),
            ("2562047h47m16.854775807s", "2562047h47m16.854775807s"),
        ];
        for (text, want) in cases {
            assert_eq!(
                parse_duration(text).map(duration).as_deref(),
                Ok(want),
                "{text}"
            );
        }
    }

    #[test]
    fn bad_durations_have_gos_text() {
        let cases = [
            ("", "time: invalid duration \"\""),
            ("x", "time: invalid duration \"x\""),
            ("5", "time: missing unit in duration \"5\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("2562047h48m", "time: invalid duration \"2562047h48m\""),
            (".s", "time: invalid duration \".s\""),
        ];
        for (text, want) in cases {
            assert_eq!(parse_duration(text), Err(want.to_owned()));
        }
    }

    #[test]
    fn numbers_have_gos_limits_and_texts() {
        assert_eq!(parse_int::<i32>("-12"), Ok(-12));
        assert_eq!(parse_int::<i32>("+3"), Ok(3));
        assert_eq!(
            parse_int::<i32>("x"),
            Err("strconv.ParseInt: parsing \"x\": invalid syntax".into())
        );
        assert_eq!(
            parse_int::<i32>("2147483648"),
            Err("strconv.ParseInt: parsing \"2147483648\": value out of range".into())
        );
        let long = "9".repeat(60);
        assert!(parse_int::<i64>(&long).is_err_and(|e| e.ends_with("value out of range")));
        assert_eq!(
            parse_uint::<u32>("-1"),
            Err("strconv.ParseUint: parsing \"-1\": invalid syntax".into())
        );
        assert_eq!(parse_float("1e3"), Ok(1000.0));
        assert_eq!(
            parse_float("1e999"),
            Err("strconv.ParseFloat: parsing \"1e999\": value out of range".into())
        );
        assert_eq!(
            parse_float("a"),
            Err("strconv.ParseFloat: parsing \"a\": invalid syntax".into())
        );
        assert_eq!(
            parse_bool("yes"),
            Err("strconv.ParseBool: parsing \"yes\": invalid syntax".into())
        );
    }

    #[test]
    fn quotes_escape() {
        assert_eq!(quote("a\"b\\\n\u{1}"), r#""a\"b\\\n\x01""#);
    }

    proptest::proptest! {
        #[test]
        fn any_duration_survives(nanos in proptest::num::i64::ANY) {
            let value = SignedDuration::from_nanos(nanos.max(-i64::MAX));
            assert_eq!(parse_duration(&duration(value)), Ok(value));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = (parse_duration(&text), parse_int::<i32>(&text), parse_float(&text), quote(&text));
        }
    }
}
