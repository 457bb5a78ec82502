//! Quoted texts and lists.

use std::fmt::Write as _;

/// The verb `%q`: a text between double quotes, with escapes for all that would not show.
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
            c if shows(c) => out.push(c),
            c if u32::from(c) < 0x1_0000 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// Whether the character leaves ink, as far as people meet others: blanks but the plain one, marks
/// of direction, invisible joiners and private characters do not.
fn shows(c: char) -> bool {
    let leaves_none = c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{fffe}'..='\u{ffff}'
                | '\u{e0000}'..='\u{10ffff}'
        );
    !leaves_none
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
    fn quotes_escape_what_would_not_show() {
        for (text, want) in [
            ("a\"b\\\n\u{1}", r#""a\"b\\\n\x01""#),
            ("caf\u{e9} \u{20ac}", "\"caf\u{e9} \u{20ac}\""),
            ("60s\u{a0}", r#""60s\u00a0""#),
            ("x\u{200b}\u{7f}", r#""x\u200b\x7f""#),
            ("\u{e0001}", r#""\U000e0001""#),
        ] {
            assert_eq!(quote(text), want);
        }
    }

    #[test]
    fn lists_are_separated_by_blanks() {
        assert_eq!(list(&["a", "b"]), "[a b]");
        assert_eq!(list::<&str>(&[]), "[]");
    }

    proptest::proptest! {
        #[test]
        fn a_quoted_text_stays_on_its_line(text in ".{0,40}") {
            assert!(!quote(&text).chars().any(char::is_control));
        }
    }
}
