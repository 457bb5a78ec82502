//! The spelling that Kubernetes gives to a quantity when it writes one.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Amount, SCALE};

const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The same amount in the shortest digits with the same sort of suffix: `1024Mi` is `1Gi`, `0.5` is
/// `500m`. What cannot be read is left as it is.
#[must_use]
pub fn canonical(quantity: &Quantity) -> Quantity {
    match Amount::parse(&quantity.0) {
        Ok(amount) => Quantity(spell(amount.0, &quantity.0)),
        Err(_) => quantity.clone(),
    }
}

/// `nanos` as `written` would be written.
fn spell(nanos: i128, written: &str) -> String {
    if nanos == 0 {
        return "0".to_owned();
    }
    // Small amounts and parts of a unit would lose precision as multiples of 1024.
    let is_small = nanos.abs() < 1024 * SCALE;
    if written.ends_with('i') && !is_small && nanos % SCALE == 0 {
        return binary(nanos / SCALE);
    }
    let (digits, thousands) = decimal(nanos);
    // A bare `E` is a suffix; followed by digits it is an exponent.
    let has_exponent =
        written.contains(['e', 'E']) && written.ends_with(|c: char| c.is_ascii_digit());
    match (i32::try_from(thousands).unwrap_or_default() - 3) * 3 {
        0 => digits.to_string(),
        exponent if has_exponent => format!("{digits}e{exponent}"),
        _ => format!("{digits}{}", DECIMAL[thousands]),
    }
}

fn binary(units: i128) -> String {
    let (mut digits, mut suffix) = (units, 0);
    while digits % 1024 == 0 && suffix + 1 < BINARY.len() {
        digits /= 1024;
        suffix += 1;
    }
    format!("{digits}{}", BINARY[suffix])
}

/// The digits and the number of thousands that were taken out of billionths.
fn decimal(nanos: i128) -> (i128, usize) {
    let (mut digits, mut suffix) = (nanos, 0);
    while digits % 1000 == 0 && suffix + 1 < DECIMAL.len() {
        digits /= 1000;
        suffix += 1;
    }
    (digits, suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_spelt_as_kubernetes_does() {
        for (written, want) in [
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1000000", "1M"),
            ("1500", "1500"),
            ("1024", "1024"),
            ("1Ki", "1Ki"),
            ("0.5Ki", "512"),
            ("1000Ki", "1000Ki"),
            ("0Mi", "0"),
            ("-0.5Gi", "-512Mi"),
            ("+1", "1"),
            ("1e3", "1e3"),
            ("12E2", "1200"),
            ("10e4", "100e3"),
            ("1E", "1E"),
            ("1n", "1n"),
            ("0.1n", "1n"),
            ("100Ei", "9223372036854775807"),
            ("lots", "lots"),
        ] {
            assert_eq!(
                canonical(&Quantity(written.to_owned())).0,
                want,
                "{written}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn the_spelling_is_worth_the_same_and_stays(text in "-?[0-9]{1,12}(\\.[0-9]{0,4})?([numkMGTPE]|[KMGT]i|e-?[0-9])?") {
            let once = canonical(&Quantity(text.clone()));
            assert_eq!(Amount::parse(&once.0), Amount::parse(&text), "{}", once.0);
            assert_eq!(canonical(&once), once);
        }
    }
}
