//! Kubernetes quantities: `100m`, `1.5Gi`, `2e3`.
//!
//! A value is kept in billionths, the finest step that Kubernetes keeps; what is finer is rounded
//! up as Kubernetes does.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const SCALE: i128 = 1_000_000_000;

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

    /// Reads a quantity.
    ///
    /// # Errors
    /// [`Error`], whose text is that of Kubernetes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') {
            return Err(Error::Malformed);
        }
        let (multiplier, power) = unit(suffix)?;
        let digits = format!("{whole}{fraction}");
        // A number beyond any real amount is capped, as Kubernetes does.
        let digits: i128 = digits.parse().unwrap_or(i128::MAX);
        let fraction = i32::try_from(fraction.len()).map_err(|_| Error::Malformed)?;
        let nanos = scaled(
            digits.saturating_mul(multiplier),
            power.saturating_sub(fraction).saturating_add(9),
        );
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

/// Factor and power of ten of a suffix.
fn unit(suffix: &str) -> Result<(i128, i32), Error> {
    Ok(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E']).ok_or(Error::Suffix)?;
            let power: i32 = exponent.parse().map_err(|_| Error::Suffix)?;
            (1, power)
        }
    })
}

/// `value * 10^power`, rounded away from zero, capped. `value` is not negative.
fn scaled(value: i128, power: i32) -> i128 {
    let Some(factor) = 10_i128.checked_pow(power.unsigned_abs()) else {
        return if power < 0 {
            i128::from(value != 0)
        } else if value == 0 {
            0
        } else {
            i128::MAX
        };
    };
    if power >= 0 {
        value.saturating_mul(factor)
    } else {
        value / factor + i128::from(value % factor != 0)
    }
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
    fn faults_have_the_text_of_kubernetes() {
        for text in ["", ".", "1.2.3", "m", "-"] {
            assert_eq!(Amount::parse(text), Err(Error::Malformed), "{text}");
        }
        for text in ["100mx", "1 Gi", "1e", "1KiB"] {
            assert_eq!(Amount::parse(text), Err(Error::Suffix), "{text}");
        }
    }

    #[test]
    fn parts_are_rounded_up() {
        assert_eq!(Amount::parse("1.0001").unwrap().millis(), 1001);
        assert_eq!(Amount::parse("100m").unwrap().units(), 1);
        assert_eq!(Amount::parse("-1500m").unwrap().units(), -1);
        assert!(Amount::parse("-1").unwrap().is_negative());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[-+0-9.eEinumkKMGTPx]{0,40}") {
            let _ = Amount::parse(&text);
        }
    }
}
