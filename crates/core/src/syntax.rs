//! Kubernetes' rules for names, with its words for what breaks them.
//!
//! Each function lists what is wrong with a text; an empty list means it is fine.

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// A label of RFC 1035: starts with a letter, at most 63 characters.
#[must_use]
pub fn dns1035_label(text: &str) -> Vec<String> {
    let mut faults = too_long(text, 63);
    if !is_dns1035(text) {
        faults.push(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and \
             end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is \
             '[a-z]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    faults
}

/// A prefix of such a label; it may end in a dash, since more follows.
#[must_use]
pub fn dns1035_label_prefix(text: &str) -> Vec<String> {
    match text.strip_suffix('-') {
        // Kubernetes puts a letter where the rest of the name goes.
        Some(head) if text.len() > 1 => dns1035_label(&format!("{head}a")),
        _ => dns1035_label(text),
    }
}

/// A label of RFC 1123: at most 63 characters.
#[must_use]
pub fn dns1123_label(text: &str) -> Vec<String> {
    let mut faults = too_long(text, 63);
    if !is_dns1123(text) {
        faults.push(format!(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an \
             alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL}')"
        ));
    }
    faults
}

/// Labels of RFC 1123 joined by dots: at most 253 characters.
#[must_use]
pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut faults = too_long(text, 253);
    if !text.split('.').all(is_dns1123) {
        faults.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end \
             with an alphanumeric character (e.g. 'example.com', regex used for validation is '{LABEL}(\\.{LABEL})*')"
        ));
    }
    faults
}

/// The name of a label or annotation, with an optional domain before a slash.
#[must_use]
pub fn qualified_name(text: &str) -> Vec<String> {
    let (prefix, name) = match text.split_once('/') {
        None => (None, text),
        Some((prefix, name)) if !name.contains('/') => (Some(prefix), name),
        Some(_) => {
            return vec![format!(
                "a qualified name {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                qualified_rule()
            )];
        }
    };
    let mut faults = Vec::new();
    match prefix {
        Some("") => faults.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => faults.extend(
            dns1123_subdomain(prefix)
                .into_iter()
                .map(|fault| format!("prefix part {fault}")),
        ),
        None => {}
    }
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if let Some(fault) = too_long(name, 63).pop() {
        faults.push(format!("name part {fault}"));
    }
    if !is_qualified(name) {
        faults.push(format!("name part {}", qualified_rule()));
    }
    faults
}

/// The value of a label; may be empty.
#[must_use]
pub fn label_value(text: &str) -> Vec<String> {
    let mut faults = too_long(text, 63);
    if !text.is_empty() && !is_qualified(text) {
        faults.push(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end \
             with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
             '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
                .to_owned(),
        );
    }
    faults
}

/// An identifier of C.
#[must_use]
pub fn c_identifier(text: &str) -> Vec<String> {
    let mut bytes = text.bytes();
    let starts = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if starts && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Vec::new();
    }
    vec![
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' \
         (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"
            .to_owned(),
    ]
}

fn qualified_rule() -> String {
    format!(
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
         'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{QUALIFIED}')"
    )
}

fn too_long(text: &str, max: usize) -> Vec<String> {
    if text.len() > max {
        vec![format!("must be no more than {max} characters")]
    } else {
        Vec::new()
    }
}

fn is_dns1123(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|b| inner(*b))
        && bytes.last().is_some_and(|b| inner(*b))
        && bytes.iter().all(|b| inner(*b) || *b == b'-')
}

fn is_dns1035(text: &str) -> bool {
    is_dns1123(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_qualified(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(rule: fn(&str) -> Vec<String>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(rule(text), Vec::<String>::new(), "{text}");
        }
        for text in bad {
            assert!(!rule(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn names_follow_their_rules() {
        let long = "a".repeat(64);
        check(
            dns1035_label,
            &["a", "a-1"],
            &["", "1a", "a-", "A", "a.b", &long],
        );
        check(
            dns1035_label_prefix,
            &["a-", "a", "ab-"],
            &["", "-", "1-", "A-"],
        );
        check(dns1123_label, &["1a", "a-1"], &["", "-a", "a.b", &long]);
        check(dns1123_subdomain, &["a.b-c.1"], &["", "a..b", ".a", "A.b"]);
        check(
            qualified_name,
            &["a", "example.org/My_name.1"],
            &["", "/a", "a/", "a/b/c", "b@r", "-a"],
        );
        check(label_value, &["", "My_value"], &["-a", "a b", &long]);
        check(c_identifier, &["a_1", "_x", "Service"], &["", "1a", "a-b"]);
    }

    #[test]
    fn a_long_name_has_one_fault() {
        assert_eq!(
            dns1035_label(&"a".repeat(64)),
            ["must be no more than 63 characters"]
        );
    }

    proptest! {
        #[test]
        fn names_labels_and_keys_of_their_forms_are_good(
            label in "[a-z]([-a-z0-9]{0,61}[a-z0-9])?",
            domain in "[a-z0-9]{1,9}(-[a-z0-9]{1,9})?(\\.[a-z0-9]{1,9}){0,9}",
            value in "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
        ) {
            for rule in [dns1035_label, dns1035_label_prefix, dns1123_label, dns1123_subdomain] {
                prop_assert_eq!(rule(&label), [""; 0]);
            }
            prop_assert_eq!(dns1123_subdomain(&domain), [""; 0]);
            prop_assert_eq!(label_value(&value), [""; 0]);
            for key in [value.clone(), format!("{domain}/{value}")] {
                prop_assert_eq!(qualified_name(&key), [""; 0], "{}", key);
            }
        }

        /// The key of a label or annotation is as good as the domain before its slash and the name after it.
        #[test]
        fn any_text_is_judged_as_its_parts_are(text in "\\PC{0,70}|[-a-zA-Z0-9_./é]{0,70}|[a-z.]{0,9}/[a-z.]{0,9}") {
            let is_name = |name: &str| !name.is_empty() && label_value(name).is_empty();
            let is_key = match text.split_once('/') {
                Some((domain, name)) => dns1123_subdomain(domain).is_empty() && is_name(name),
                None => is_name(&text),
            };
            prop_assert_eq!(qualified_name(&text).is_empty(), is_key);
            let is_label = dns1123_label(&text).is_empty();
            prop_assert_eq!(is_label, text.len() <= 63 && !text.contains('.') && dns1123_subdomain(&text).is_empty());
            prop_assert!(is_label || !dns1035_label(&text).is_empty());
        }
    }
}
