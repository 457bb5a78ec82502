//! Quantities: every text that is read is worth what long multiplication makes of it.

use ebb_core::quantity::{Amount, same};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Powers of ten that are further than this from the digits of a text leave its amount either next to zero or at the cap.
const FAR: usize = 200;
/// The largest amount, in billionths: Kubernetes caps at 2^63 - 1 units.
const CAP: u128 = (u64::MAX as u128 >> 1) * 1_000_000_000;

/// Reads the input as a quantity and holds it against a slow calculation.
///
/// # Panics
/// If they differ.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let parsed = Amount::parse(text);
    assert_eq!(
        parsed.is_ok(),
        reference(text).is_some(),
        "is {text:?} one?"
    );
    let quantity = Quantity(text.to_owned());
    assert!(same(&quantity, &quantity));
    let Ok(amount) = parsed else { return };

    let (negative, nanos) = reference(text).expect("both read it");
    let canonical = format!("{}{nanos}n", if negative { "-" } else { "" });
    assert_eq!(Amount::parse(&canonical), Ok(amount), "{canonical}");
    assert!(same(&quantity, &Quantity(canonical)));
    assert_eq!(amount.is_negative(), negative && nanos > 0);

    // Rounding is upwards, which brings negative amounts closer to zero.
    let up = |step: u128| {
        if negative {
            -to_signed(nanos / step)
        } else {
            to_signed(nanos.div_ceil(step))
        }
    };
    assert_eq!(amount.millis(), up(1_000_000));
    assert_eq!(amount.units(), up(1_000_000_000));
}

fn to_signed(value: u128) -> i128 {
    i128::try_from(value).expect("amounts are capped far below")
}

/// The sign and the value in billionths, rounded away from zero and capped; `None` if it is no quantity.
fn reference(text: &str) -> Option<(bool, u128)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |text: &str| -> String { text.chars().take_while(char::is_ascii_digit).collect() };
    let whole = digits(unsigned);
    let rest = &unsigned[whole.len()..];
    let fraction = rest.strip_prefix('.').map(digits);
    let point = usize::from(fraction.is_some());
    let fraction = fraction.unwrap_or_default();
    let (multiplications, power) = suffix(&rest[point + fraction.len()..])?;
    if text.is_empty() {
        return None;
    }
    let mut digits: Vec<u8> = whole
        .bytes()
        .chain(fraction.bytes())
        .map(|b| b - b'0')
        .collect();
    let fraction = fraction.len();
    let far = i64::try_from(FAR + text.len()).expect("texts are short");
    let mut shift = power.clamp(-far, far) + 9 - i64::try_from(fraction).expect("texts are short");
    for _ in 0..multiplications {
        digits = times_1024(&digits);
    }
    let mut inexact = false;
    while shift < 0 && !digits.is_empty() {
        inexact |= digits.pop() != Some(0);
        shift += 1;
    }
    let mut value: u128 = 0;
    let zeros = usize::try_from(shift).unwrap_or(0);
    for digit in digits.iter().copied().chain(std::iter::repeat_n(0, zeros)) {
        value = (value * 10 + u128::from(digit)).min(CAP);
    }
    Some((
        text.starts_with('-'),
        (value + u128::from(inexact)).min(CAP),
    ))
}

/// How often to multiply by 1024, and the power of ten.
fn suffix(text: &str) -> Option<(u32, i64)> {
    if let Some(at) = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
        .iter()
        .position(|unit| *unit == text)
    {
        return Some((u32::try_from(at).ok()? + 1, 0));
    }
    let decimal = [
        ("", 0),
        ("n", -9),
        ("u", -6),
        ("m", -3),
        ("k", 3),
        ("M", 6),
        ("G", 9),
        ("T", 12),
        ("P", 15),
        ("E", 18),
    ];
    if let Some((_, power)) = decimal.iter().find(|(unit, _)| *unit == text) {
        return Some((0, *power));
    }
    let power: i32 = text.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((0, power.into()))
}

fn times_1024(digits: &[u8]) -> Vec<u8> {
    let mut carry = 0_u32;
    let mut product: Vec<u8> = Vec::new();
    for digit in digits.iter().rev() {
        carry += u32::from(*digit) * 1024;
        product.push((carry % 10) as u8);
        carry /= 10;
    }
    while carry > 0 {
        product.push((carry % 10) as u8);
        carry /= 10;
    }
    product.reverse();
    product
}
