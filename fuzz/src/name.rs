//! Names, labels and the keys of annotations: the rules agree with one another, and children's names fit.

use ebb_core::names::child;
use ebb_core::syntax;

/// Reads the input as every kind of name.
///
/// # Panics
/// If rules contradict one another, or a child of a good name has a bad one.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let fits = |rule: fn(&str) -> Vec<String>| rule(text).is_empty();
    let label = fits(syntax::dns1123_label);
    if fits(syntax::dns1035_label) {
        assert!(label, "a stricter rule");
        assert!(
            fits(syntax::dns1035_label_prefix),
            "all of it is a start of it"
        );
        children(text);
    }
    if label {
        assert!(fits(syntax::dns1123_subdomain), "one label is a domain");
        assert!(fits(syntax::label_value));
        assert!(fits(syntax::qualified_name));
    }
    if fits(syntax::dns1035_label_prefix) && text.len() < 63 {
        assert_eq!(syntax::dns1035_label(&format!("{text}a")), [""; 0]);
    }
    if fits(syntax::dns1123_subdomain) {
        assert!(
            text.split('.')
                .all(|part| syntax::dns1035_label(&format!("a{part}")).len() < 2)
        );
    }
    qualified(text);
    if fits(syntax::c_identifier) {
        assert!(text.is_ascii());
    }
    for faults in [
        syntax::dns1035_label(text),
        syntax::dns1123_subdomain(text),
        syntax::qualified_name(text),
        syntax::label_value(text),
        syntax::c_identifier(text),
    ] {
        assert!(
            faults.len() <= 4 && faults.iter().all(|fault| !fault.is_empty()),
            "{faults:?}"
        );
    }
    assert!(child::name(text, text).len() <= child::MAX_NAME);
}

/// A key is good when the domain before its slash and the name after it are.
fn qualified(text: &str) {
    let is_good = match text.split_once('/') {
        Some((domain, name)) => {
            syntax::dns1123_subdomain(domain).is_empty() && !name.contains('/') && is_name(name)
        }
        None => is_name(text),
    };
    assert_eq!(syntax::qualified_name(text).is_empty(), is_good);
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && syntax::label_value(text).is_empty()
}

fn children(parent: &str) {
    for name in [
        child::revision(parent, 1),
        child::revision(parent, i64::MAX),
        child::deployment(parent),
        child::private_service(parent),
        child::image(parent, parent),
        child::ingress(parent),
    ] {
        assert_eq!(syntax::dns1035_label(&name), [""; 0], "{name}");
    }
}
