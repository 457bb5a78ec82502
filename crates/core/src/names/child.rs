//! Names of child objects, never longer than Kubernetes allows.

use md5::{Digest, Md5};

/// The longest name of most objects, in bytes.
pub const MAX_NAME: usize = 63;
/// Hexadecimal digits of an MD5 sum.
const HASH: usize = 32;
/// What is left of a name beside the sum.
const HEAD: usize = MAX_NAME - HASH;

/// The parent's name followed by the suffix; where that is too long, a part of the name gives way
/// to a sum over it. The result is at most [`MAX_NAME`] bytes long.
#[must_use]
pub fn name(parent: &str, suffix: &str) -> String {
    if parent.len() + suffix.len() <= MAX_NAME {
        return format!("{parent}{suffix}");
    }
    if suffix.len() < HEAD {
        let head = prefix(parent, HEAD - suffix.len());
        return format!("{head}{}{suffix}", sum(parent));
    }
    let head = prefix(parent, HEAD);
    let whole = sum(&format!("{parent}{suffix}"));
    let room = MAX_NAME - head.len() - whole.len();
    let name = format!("{head}{whole}{}", prefix(suffix, room));
    name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric())
        .to_owned()
}

/// Name of the Revision made for a generation of a Configuration.
#[must_use]
pub fn revision(configuration: &str, generation: i64) -> String {
    name(configuration, &format!("-{generation:05}"))
}

/// Name of a Revision's Deployment.
#[must_use]
pub fn deployment(revision: &str) -> String {
    name(revision, "-deployment")
}

/// Name of a Revision's private Service.
#[must_use]
pub fn private_service(revision: &str) -> String {
    name(revision, "-private")
}

/// Name of the Image for a container of a Revision.
#[must_use]
pub fn image(revision: &str, container: &str) -> String {
    name(&name(revision, "-cache"), &format!("-{container}"))
}

/// Name of the Ingress of a Route or DomainMapping.
#[must_use]
pub fn ingress(parent: &str) -> String {
    name(parent, "")
}

/// The longest part of `text` of at most `len` bytes that ends between characters.
fn prefix(text: &str, len: usize) -> &str {
    &text[..text.floor_char_boundary(len)]
}

fn sum(text: &str) -> String {
    use std::fmt::Write as _;
    Md5::digest(text)
        .iter()
        .fold(String::with_capacity(HASH), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fits_is_kept() {
        assert_eq!(revision("hello", 1), "hello-00001");
        let parent = "a".repeat(56);
        assert_eq!(revision(&parent, 1), format!("{parent}-00001"));
        let parent = "a".repeat(57);
        assert_eq!(name(&parent, "-00001"), format!("{parent}-00001"));
    }

    #[test]
    fn a_long_parent_gives_way_to_its_sum() {
        let cases = [
            (
                "a".repeat(58),
                "-00001",
                "aaaaaaaaaaaaaaaaaaaaaaaaadc2f2f2462a0d72358b2f99389458606-00001",
            ),
            (
                "my-very-long-service-name-that-goes-on-and-on-and-on-for-ages".into(),
                "-00012",
                "my-very-long-service-namef66f6a161c5fb9f68b75ff9b38a3369d-00012",
            ),
            (
                "my-very-long-service-name-that-goes-on-and-on-and-on-for".into(),
                "-private",
                "my-very-long-service-na4605253e759efc85d1c4c606b66e4c72-private",
            ),
        ];
        for (parent, suffix, want) in cases {
            assert_eq!(name(&parent, suffix), want);
            assert_eq!(want.len(), MAX_NAME);
        }
    }

    #[test]
    fn an_empty_suffix_still_shortens() {
        let want = format!("{}0b649bcb5a82868817fec9a6e709d233", "b".repeat(31));
        assert_eq!(ingress(&"b".repeat(64)), want);
    }

    #[test]
    fn a_long_suffix_is_summed_with_the_parent_and_trailing_marks_go() {
        let got = name("x", &format!("-{}", "y".repeat(70)));
        assert!(got.len() <= MAX_NAME && got.starts_with('x'));
        let got = name("short", &format!("{}-{}", "z".repeat(25), "-".repeat(60)));
        assert!(got.ends_with('z'), "{got}");
    }

    proptest::proptest! {
        #[test]
        fn names_always_fit(parent in "[a-zä0-9.-]{0,120}", suffix in "[a-zä0-9.-]{0,120}") {
            assert!(name(&parent, &suffix).len() <= MAX_NAME);
        }
    }
}
