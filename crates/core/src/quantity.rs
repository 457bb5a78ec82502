//! Kubernetes quantities: `100m`, `1.5Gi`, `2e3`.
//!
//! A value is kept in billionths, the finest step that Kubernetes keeps; what is finer is rounded
//! up as Kubernetes does.

mod canonical;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

pub use canonical::canonical;

const SCALE: i128 = 1_000_000_000;
/// The largest amount, 2^63 - 1 units; Kubernetes takes what is beyond for it.
const CAP: i128 = (1 << 63) * SCALE - SCALE;
/// A point that is moved this far past the digits leaves zero, the least amount or the largest one.
const FAR: i64 = 64;

/// The value of a quantity in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(i128);

/// What is wrong with a quantity, in the words of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was written.
    #[error(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Malformed,
    /// The unit is not one of Kubernetes'.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

impl Amount {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Reads a quantity. As in Kubernetes a sign, a point or a unit without digits is zero.
    ///
    /// # Errors
    /// [`Error`], whose text is that of Kubernetes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let is_digit = |c: char| c.is_ascii_digit();
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (whole, rest) = split(unsigned, is_digit);
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => split(rest, is_digit),
            None => ("", rest),
        };
        let (_, after) = split(suffix, |c| "eEinumkKMGTP".contains(c));
        let (_, after) = split(after.strip_prefix(['+', '-']).unwrap_or(after), is_digit);
        if text.is_empty() || !after.is_empty() {
            return Err(Error::Malformed);
        }
        let nanos = scaled(whole, fraction, unit(suffix)?).ok_or(Error::Malformed)?;
        Ok(Self(if text.starts_with('-') { -nanos } else { nanos }))
    }

    /// The value in thousandths, rounded up.
    #[must_use]
    pub fn millis(self) -> i128 {
        let step = SCALE / 1000;
        self.0.div_euclid(step) + i128::from(self.0.rem_euclid(step) != 0)
    }

    /// The value in whole units, rounded up.
    #[must_use]
    pub fn units(self) -> i128 {
        self.0.div_euclid(SCALE) + i128::from(self.0.rem_euclid(SCALE) != 0)
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }
}

/// Whether two quantities are worth the same; unreadable ones are compared as text.
#[must_use]
pub fn same(a: &Quantity, b: &Quantity) -> bool {
    match (Amount::parse(&a.0), Amount::parse(&b.0)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The longest beginning of `text` made of such characters, and the rest.
fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// What a suffix makes of the number before it.
enum Unit {
    /// So many billionths each.
    Of(i128),
    /// The point moves by so many places.
    Exponent(i32),
}

fn unit(suffix: &str) -> Result<Unit, Error> {
    let nanos = match suffix {
        "" => SCALE,
        "n" => 1,
        "u" => 1_000,
        "m" => 1_000_000,
        "k" => SCALE * 1_000,
        "M" => SCALE * 1_000_000,
        "G" => SCALE * 1_000_000_000,
        "T" => SCALE * 1_000_000_000_000,
        "P" => SCALE * 1_000_000_000_000_000,
        "E" => SCALE * 1_000_000_000_000_000_000,
        "Ki" => SCALE << 10,
        "Mi" => SCALE << 20,
        "Gi" => SCALE << 30,
        "Ti" => SCALE << 40,
        "Pi" => SCALE << 50,
        "Ei" => SCALE << 60,
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E']).ok_or(Error::Suffix)?;
            return exponent
                .parse()
                .map(Unit::Exponent)
                .map_err(|_| Error::Suffix);
        }
    };
    Ok(Unit::Of(nanos))
}

/// The number in billionths, rounded up and capped, however many digits it has.
fn scaled(whole: &str, fraction: &str, unit: Unit) -> Option<i128> {
    let (unit, moved) = match unit {
        Unit::Of(nanos) => (nanos, 0),
        Unit::Exponent(places) => (SCALE, i64::from(places)),
    };
    // Where the point stands, counted in digits; zeros are put where it lies beyond them.
    let digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).ok()? + moved;
    let missing = |zeros: i64| "0".repeat(usize::try_from(zeros.clamp(0, FAR)).unwrap_or(0));
    let length = i64::try_from(digits.len()).ok()?;
    let (before, after) = digits.split_at(usize::try_from(point.clamp(0, length)).ok()?);
    let before = format!("{before}{}", missing(point - length));
    let after = format!("{}{after}", missing(-point));

    let value = |digit: u8| i128::from(digit - b'0') * unit;
    let whole = before
        .bytes()
        .fold(0, |sum: i128, digit| (sum * 10 + value(digit)).min(CAP));
    // From the last digit to the first, so that nothing is lost but what is below a billionth.
    let (part, is_exact) = after
        .bytes()
        .rev()
        .fold((0, true), |(sum, is_exact), digit| {
            let sum = sum + value(digit);
            (sum / 10, is_exact && sum % 10 == 0)
        });
    Some((whole + part + i128::from(!is_exact)).min(CAP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_amount_are_equal() {
        let groups = [
            vec!["1", "1000m", "1.0", "1e0", "1000000u", "+1"],
            vec!["1Ki", "1024", "1.024k", "1.024e3"],
            vec!["0", "0m", "-0", "0Ei"],
            vec!["0.5Gi", "512Mi"],
        ];
        for group in groups {
            for text in &group {
                assert_eq!(Amount::parse(text), Amount::parse(group[0]), "{text}");
            }
        }
    }

    #[test]
    fn config_1_2_bad_quantities() {
        for text in [
            "", "100mx", "1 Gi", " 1", "1KiB", "1.2.3", "1,5", "x", "1e3m",
        ] {
            assert_eq!(Amount::parse(text), Err(Error::Malformed), "{text}");
        }
        for text in ["1e", "1mm", "1KiM", "1i", "1K", "1e+", "--1"] {
            assert_eq!(Amount::parse(text), Err(Error::Suffix), "{text}");
        }
    }

    #[test]
    fn nothing_but_a_sign_a_point_or_a_unit_is_zero() {
        for text in ["-", "+", ".", "m", "Gi", "-.k"] {
            assert_eq!(Amount::parse(text), Ok(Amount::ZERO), "{text}");
        }
    }

    #[test]
    fn parts_are_rounded_up() {
        assert_eq!(Amount::parse("1.0001").unwrap().millis(), 1001);
        assert_eq!(Amount::parse("100m").unwrap().units(), 1);
        assert_eq!(Amount::parse("-1500m").unwrap().units(), -1);
        assert!(Amount::parse("-1").unwrap().is_negative());
    }

    #[test]
    fn many_digits_lose_nothing_and_are_capped_as_in_kubernetes() {
        let long = format!("0.1{}1", "0".repeat(60));
        assert_eq!(
            Amount::parse(&long),
            Amount::parse("100000001n"),
            "rounded up"
        );
        assert_eq!(
            Amount::parse(&format!("{}1", "0".repeat(60))),
            Amount::parse("1")
        );
        assert_eq!(
            Amount::parse(&format!("1{}e-60", "0".repeat(60))),
            Amount::parse("1")
        );
        let largest = Amount::parse("9223372036854775807").unwrap();
        for text in ["8Ei", "10E", "1e2147483647", "99999999999999999999Ei"] {
            assert_eq!(Amount::parse(text), Ok(largest), "{text}");
        }
        assert_eq!(Amount::parse("1e-2147483648"), Amount::parse("1n"));
        assert_eq!(Amount::parse("0e2147483647"), Ok(Amount::ZERO));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[-+0-9.eEinumkKMGTPx]{0,60}|.{0,20}") {
            if let Ok(amount) = Amount::parse(&text) {
                let _ = (amount.millis(), amount.units(), amount.is_negative());
            }
        }

        #[test]
        fn any_number_of_thousandths_survives(millis: i64) {
            let amount = Amount::parse(&format!("{millis}m")).unwrap();
            assert_eq!(amount.millis(), i128::from(millis));
        }

        #[test]
        fn units_agree(number in 0..1_000_000_i64) {
            let parse = |unit: &str| Amount::parse(&format!("{number}{unit}")).unwrap();
            for (unit, thousandth) in [("k", ""), ("M", "k"), ("G", "M"), ("", "m"), ("m", "u"), ("u", "n")] {
                let small = Amount::parse(&format!("{number}000{thousandth}")).unwrap();
                assert_eq!(parse(unit), small);
            }
            for (unit, part) in [("Ki", ""), ("Mi", "Ki"), ("Gi", "Mi")] {
                let small = Amount::parse(&format!("{}{part}", number * 1024)).unwrap();
                assert_eq!(parse(unit), small);
            }
        }
    }
}
