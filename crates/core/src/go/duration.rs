//! Durations, as `time` reads and writes them.

use std::fmt::Write as _;

use jiff::SignedDuration;

const SECOND: i128 = 1_000_000_000;
/// The longest duration below zero, in nanoseconds; above zero it is one less.
const LIMIT: i128 = 1 << 63;

/// `time.ParseDuration`.
///
/// # Errors
/// Go's text.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if unsigned == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let (nanos, after) = part(text, rest)?;
        total = total
            .checked_add(nanos)
            .filter(|total| *total <= LIMIT)
            .ok_or_else(invalid)?;
        rest = after;
    }
    match negative {
        true => Ok(SignedDuration::from_nanos_i128(-total)),
        false if total < LIMIT => Ok(SignedDuration::from_nanos_i128(total)),
        false => Err(invalid()),
    }
}

/// One number with its unit, in nanoseconds, and what follows. `text` is for the complaint.
fn part<'a>(text: &str, rest: &'a str) -> Result<(i128, &'a str), String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
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
    let number = |digits: &str| match digits {
        "" => Ok(0_i128),
        digits => digits.parse().map_err(|_| invalid()),
    };
    let exponent = u32::try_from(fraction.len()).map_err(|_| invalid())?;
    let whole = number(whole)?
        .checked_mul(scale)
        .filter(|nanos| *nanos <= LIMIT)
        .ok_or_else(invalid)?;
    Ok((
        whole + number(fraction)? * scale / 10_i128.pow(exponent),
        after,
    ))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

/// How `time` quotes: unlike `%q` it writes whatever is not plain ASCII byte by byte.
fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=0x7f => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_1_2_durations() {
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
            ("-2562047h47m16.854775808s", "-2562047h47m16.854775808s"),
            ("1\u{b5}s", "1\u{b5}s"),
            ("-0", "0s"),
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
    fn config_1_2_bad_durations() {
        let cases = [
            ("", "time: invalid duration \"\""),
            ("x", "time: invalid duration \"x\""),
            ("5", "time: missing unit in duration \"5\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("2562047h48m", "time: invalid duration \"2562047h48m\""),
            (".s", "time: invalid duration \".s\""),
            ("-", "time: invalid duration \"-\""),
            (
                "2562047h47m16.854775808s",
                "time: invalid duration \"2562047h47m16.854775808s\"",
            ),
            (
                "60s\n",
                r#"time: unknown unit "s\x0a" in duration "60s\x0a""#,
            ),
            (" 60s", "time: invalid duration \" 60s\""),
            (
                "1\u{e9}",
                r#"time: unknown unit "\xc3\xa9" in duration "1\xc3\xa9""#,
            ),
        ];
        for (text, want) in cases {
            assert_eq!(parse_duration(text), Err(want.to_owned()));
        }
    }

    #[test]
    fn no_number_of_digits_is_too_much() {
        // As many microseconds as fit into 128 bits of nanoseconds, and a part that does not fit any more.
        let most = i128::MAX / 1000;
        for text in [
            format!("{most}.999us"),
            format!("-{most}.999us"),
            format!("1{}s", "0".repeat(1000)),
            format!("1h{most}.999us{most}.999us"),
        ] {
            let want = format!("time: invalid duration {}", quote(&text));
            assert_eq!(parse_duration(&text), Err(want));
        }
        let small = format!("0.{}1s", "0".repeat(1000));
        assert_eq!(parse_duration(&small), Ok(SignedDuration::ZERO));
    }

    proptest::proptest! {
        #[test]
        fn any_duration_survives(nanos: i64) {
            let value = SignedDuration::from_nanos(nanos);
            assert_eq!(parse_duration(&duration(value)), Ok(value));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.nu\u{b5}msh]{0,40}|.{0,40}") {
            if let Ok(value) = parse_duration(&text) {
                assert_eq!(parse_duration(&duration(value)), Ok(value));
            }
        }
    }
}
