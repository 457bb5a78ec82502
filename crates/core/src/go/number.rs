//! Numbers and truth values.

use super::quote;

/// `strconv.ParseBool`.
///
/// # Errors
/// Go's text for anything but its twelve spellings.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(fault("ParseBool", text, "invalid syntax")),
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

fn fault(function: &str, text: &str, what: &str) -> String {
    format!("strconv.{function}: parsing {}: {what}", quote(text))
}

fn integer<T: TryFrom<i128>>(function: &str, text: &str, digits: &str) -> Result<T, String> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fault(function, text, "invalid syntax"));
    }
    // All digits: what fails now is too long even for 128 bits.
    let number: Option<i128> = text.parse().ok();
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| fault(function, text, "value out of range"))
}

/// `strconv.ParseFloat` with 64 bits: decimal and hexadecimal, `Inf`, `NaN`, with underscores
/// between digits.
///
/// # Errors
/// Go's text for what is no number or does not fit.
pub fn parse_float(text: &str) -> Result<f64, String> {
    let (sign, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (if text.starts_with('-') { -1.0 } else { 1.0 }, rest),
        None => (1.0, text),
    };
    // Rust takes a sign twice and a sign before NaN; Go takes neither.
    let spells_nan = text.len() > unsigned.len() && unsigned.eq_ignore_ascii_case("nan");
    let number = if unsigned.starts_with(['+', '-']) || spells_nan {
        None
    } else {
        match unsigned
            .strip_prefix("0x")
            .or_else(|| unsigned.strip_prefix("0X"))
        {
            Some(hexadecimal) => {
                // The prefix counts as a digit before an underscore.
                without_underscores(&format!("0{hexadecimal}")).and_then(|t| hex(&t[1..]))
            }
            None => without_underscores(unsigned).and_then(|t| t.parse::<f64>().ok()),
        }
    };
    let number = number.ok_or_else(|| fault("ParseFloat", text, "invalid syntax"))?;
    if number.is_infinite() && text.bytes().any(|b| b.is_ascii_digit()) {
        return Err(fault("ParseFloat", text, "value out of range"));
    }
    Ok(sign * number)
}

/// The text without underscores, each of which must stand between two digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_hexdigit);
    let mut positions = bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'_')
        .map(|(at, _)| at);
    let stand_well = positions.all(|at| {
        is_digit(at.checked_sub(1).and_then(|i| bytes.get(i))) && is_digit(bytes.get(at + 1))
    });
    stand_well.then(|| text.replace('_', ""))
}

/// A hexadecimal mantissa and a power of two, as in `1.8p-3`; the power must be there.
fn hex(text: &str) -> Option<f64> {
    let (mantissa, power) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let unsigned = power.strip_prefix(['+', '-']).unwrap_or(power);
    if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Far beyond what a float can hold in either direction, and far from an overflow.
    let power: i64 = power.parse().unwrap_or(if power.starts_with('-') {
        -100_000
    } else {
        100_000
    });
    let mut value = 0.0_f64;
    for digit in digits.chars().filter_map(|c| c.to_digit(16)) {
        value = value * 16.0 + f64::from(digit);
    }
    let mut power = power
        .clamp(-100_000, 100_000)
        .saturating_sub(4 * i64::try_from(fraction.len()).ok()?);
    // In steps, so that no factor overflows before the product does.
    while power != 0 && value != 0.0 && value.is_finite() {
        let step = power.clamp(-1000, 1000);
        value *= 2.0_f64.powi(i32::try_from(step).ok()?);
        power -= step;
    }
    Some(value)
}

/// A float as `%v` prints it: the shortest form, with an exponent of at least two digits below
/// 1e-4 and from 1e6 on.
#[must_use]
pub fn float(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("the form has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// A float as `%f` prints it: six digits after the point.
#[must_use]
pub fn fixed(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.6}")
    } else {
        not_finite(value)
    }
}

fn not_finite(value: f64) -> String {
    let text = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_1_2_truth_values() {
        for text in ["1", "t", "T", "TRUE", "true", "True"] {
            assert_eq!(parse_bool(text), Ok(true), "{text}");
        }
        for text in ["0", "f", "F", "FALSE", "false", "False"] {
            assert_eq!(parse_bool(text), Ok(false), "{text}");
        }
        for text in ["", "yes", "tRUE", " true", "2"] {
            let want = format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text));
            assert_eq!(parse_bool(text), Err(want));
        }
    }

    #[test]
    fn config_1_2_integers() {
        assert_eq!(parse_int::<i32>("-12"), Ok(-12));
        assert_eq!(parse_int::<i32>("+3"), Ok(3));
        assert_eq!(parse_int::<i64>("007"), Ok(7));
        assert_eq!(parse_uint::<u32>("4294967295"), Ok(u32::MAX));
        let long = "9".repeat(60);
        for (text, what) in [
            ("x", "invalid syntax"),
            ("", "invalid syntax"),
            (" 1", "invalid syntax"),
            ("1.0", "invalid syntax"),
            ("1_000", "invalid syntax"),
            ("+-1", "invalid syntax"),
            ("2147483648", "value out of range"),
            ("-2147483649", "value out of range"),
            (long.as_str(), "value out of range"),
        ] {
            let want = format!("strconv.ParseInt: parsing {}: {what}", quote(text));
            assert_eq!(parse_int::<i32>(text), Err(want));
        }
        for (text, what) in [
            ("-1", "invalid syntax"),
            ("+1", "invalid syntax"),
            ("4294967296", "value out of range"),
        ] {
            let want = format!("strconv.ParseUint: parsing {}: {what}", quote(text));
            assert_eq!(parse_uint::<u32>(text), Err(want));
        }
    }

    #[test]
    fn config_1_2_floats() {
        for (text, want) in [
            ("1e3", 1000.0),
            ("+.5", 0.5),
            ("-2", -2.0),
            ("7.", 7.0),
            ("1_000.5", 1000.5),
            ("0x1p-2", 0.25),
            ("-0x1.8p1", -3.0),
            ("0x_ffp0", 255.0),
            ("0x1p-1074", f64::from_bits(1)),
            ("Inf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_float(text), Ok(want), "{text}");
        }
        assert!(parse_float("nAn").is_ok_and(f64::is_nan));
        for (text, what) in [
            ("", "invalid syntax"),
            ("a", "invalid syntax"),
            (" 1", "invalid syntax"),
            ("1,5", "invalid syntax"),
            ("--1", "invalid syntax"),
            ("-nan", "invalid syntax"),
            ("_1", "invalid syntax"),
            ("1__0", "invalid syntax"),
            ("0x1", "invalid syntax"),
            ("0xp1", "invalid syntax"),
            ("1e999", "value out of range"),
            ("0x1p99999999999999999999", "value out of range"),
        ] {
            let want = format!("strconv.ParseFloat: parsing {}: {what}", quote(text));
            assert_eq!(parse_float(text), Err(want));
        }
    }

    #[test]
    fn floats_are_written_as_go_does() {
        for (value, short, long) in [
            (0.0, "0", "0.000000"),
            (1.0, "1", "1.000000"),
            (-2.5, "-2.5", "-2.500000"),
            (0.0001, "0.0001", "0.000100"),
            (0.000_01, "1e-05", "0.000010"),
            (1e6, "1e+06", "1000000.000000"),
            (f64::NAN, "NaN", "NaN"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
        ] {
            assert_eq!(
                (float(value).as_str(), fixed(value).as_str()),
                (short, long)
            );
        }
        assert_eq!(float(1.234e30), "1.234e+30");
        assert_eq!(float(100_000.5), "100000.5");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[-+0-9._xXpPeEinfaN]{0,30}|.{0,20}") {
            let _ = (parse_int::<i32>(&text), parse_uint::<u32>(&text), parse_float(&text), parse_bool(&text));
        }

        #[test]
        fn any_float_survives(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO) {
            assert_eq!(parse_float(&float(value)), Ok(value));
        }

        #[test]
        fn any_integer_survives(value: i64) {
            assert_eq!(parse_int::<i64>(&value.to_string()), Ok(value));
        }
    }
}
