//! What would make the page untrue or incomplete.

use std::collections::BTreeSet;

use ebb_core::config::{self, Settings as _};
use ebb_core::names::Status;

use super::flags::FLAGS;
use super::page::{Page, Row};
use super::settings::MAPS;
use super::sources::Sources;
use crate::manifests;

/// Texts in the code that look like keys and are none: a field of log lines, a protocol of ports, a property of nodes.
const NO_KEYS: &[&str] = &[
    "knative.dev/key",
    "kubernetes.io/h2c",
    "kubernetes.io/hostname",
];
/// Headers that belong to a connection; HTTP gives them their meaning.
const PLAIN_HEADERS: &[&str] = &["keep-alive", "proxy-connection"];
/// Texts in capitals that are no variables.
const NO_VARIABLES: &[&str] = &["NET_BIND_SERVICE", "CARGO_PKG_VERSION", "EBB_COMMIT"];

/// Everything that is wrong, a line each.
pub(super) fn faults(page: &Page, sources: &Sources) -> Vec<String> {
    let mut faults: Vec<String> = page.rows().filter_map(untrue).collect();
    faults.extend(twice(page));
    faults.extend(without_default());
    faults.extend(unlisted_settings());
    faults.extend(unlisted_texts(page, sources));
    faults
}

/// Whether the status says more, or less, than the code shows.
fn untrue(row: &Row) -> Option<String> {
    let key = row.spellings[0];
    match row.status {
        Status::Done | Status::Partly(_) if row.used_by.is_empty() => {
            Some(format!("{key}: it is said to work, but no code uses it"))
        }
        _ => None,
    }
}

fn twice(page: &Page) -> Vec<String> {
    let tables = page.chapters.iter().flat_map(|chapter| &chapter.tables);
    let mut faults = Vec::new();
    for table in tables {
        let mut seen = BTreeSet::new();
        for spelling in table.rows.iter().flat_map(|row| &row.spellings) {
            if !seen.insert(*spelling) {
                faults.push(format!("{spelling}: it stands twice in its table"));
            }
        }
    }
    faults
}

/// Keys of ConfigMaps for which neither the shipped example nor the table says what holds without them.
fn without_default() -> Vec<String> {
    let is_shown = |name: &str, key: &str| manifests::example(name).contains_key(key);
    let mut faults = Vec::new();
    for map in MAPS {
        for setting in map.keys {
            let key = setting.spellings[0];
            if setting.default.is_none() && !is_shown(map.name, key) {
                faults.push(format!("{}: {key} has no default", map.name));
            }
        }
    }
    faults
}

/// Keys that a parser asks for and the tables lack, or the other way round.
fn unlisted_settings() -> Vec<String> {
    let mut faults = Vec::new();
    for (name, parsed) in config::all() {
        let parsed: BTreeSet<String> = parsed.into_iter().collect();
        let listed = listed(name);
        faults.extend(
            parsed
                .difference(&listed)
                .map(|key| format!("{name}: {key} is read, but not in the table")),
        );
        faults.extend(listed.difference(&parsed).map(|key| {
            format!("{name}: {key} is in the table, but the parser does not ask for it")
        }));
    }
    faults
}

fn listed(name: &str) -> BTreeSet<String> {
    if name == config::Features::NAME {
        return FLAGS.iter().map(|flag| flag.key.to_owned()).collect();
    }
    let maps = MAPS.iter().filter(|map| map.name == name);
    maps.flat_map(|map| map.keys)
        .flat_map(|setting| setting.spellings)
        .map(|key| (*key).to_owned())
        .collect()
}

/// Texts in the code that look like a key, a header or a variable, and are on no list.
fn unlisted_texts(page: &Page, sources: &Sources) -> Vec<String> {
    let listed: BTreeSet<String> = page
        .rows()
        .flat_map(|row| &row.spellings)
        .map(|spelling| spelling.to_lowercase())
        .collect();
    let stray = |path: &str, text: &str| {
        let is_manifest = path.starts_with("xtask/");
        (is_key(text) && !NO_KEYS.contains(&text))
            || (is_header(text) && !is_manifest && !PLAIN_HEADERS.contains(&text))
            || (is_variable(text) && !NO_VARIABLES.contains(&text))
    };
    let mut faults: Vec<String> = sources
        .literals()
        .filter(|(path, text)| stray(path, text) && !listed.contains(&text.to_lowercase()))
        .map(|(path, text)| format!("{text}: {path} knows it, but no table does"))
        .collect();
    faults.sort();
    faults.dedup();
    faults
}

/// `domain.dev/name`, unless it is the version of an API.
fn is_key(text: &str) -> bool {
    let Some((domain, name)) = text.split_once('/') else {
        return false;
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_version = name.starts_with('v') && name[1..].starts_with(|c: char| c.is_ascii_digit());
    ["knative.dev", "kubernetes.io", "k8s.io"]
        .iter()
        .any(|end| domain.ends_with(end))
        && domain.chars().all(is_name)
        && !name.is_empty()
        && name.chars().all(is_name)
        && !is_version
}

/// A header of ours or of proxies, in the spelling that `HeaderName::from_static` wants.
fn is_header(text: &str) -> bool {
    [
        "k-",
        "knative-serving-",
        "x-forwarded-",
        "x-b3-",
        "keep-",
        "proxy-",
    ]
    .iter()
    .any(|start| text.starts_with(start))
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Words in capitals, more than one.
fn is_variable(text: &str) -> bool {
    text.contains('_')
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && !text.starts_with("TLS_")
        && text
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compat::sources::made_of;
    use crate::workspace;

    #[test]
    fn the_tables_say_what_the_code_shows() {
        let sources = Sources::read(workspace::root()).unwrap();
        let faults = faults(&Page::of(&sources), &sources);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn what_no_code_uses_does_not_work() {
        let sources = made_of(&[(
            "crates/core/src/plan/gc.rs",
            "annotations::NO_GC; .min_scale",
        )]);
        let faults = faults(&Page::of(&sources), &sources);
        let is_told = |key: &str| {
            let start = format!("{key}: it is said to work");
            faults.iter().any(|fault| fault.starts_with(&start))
        };
        assert!(!is_told("serving.knative.dev/no-gc"));
        for key in [
            "serving.knative.dev/creator",
            "K-Proxy-Request",
            "stable-window",
            "multi-container",
            "USER_PORT",
        ] {
            assert!(is_told(key), "{key}");
        }
    }

    #[test]
    fn what_the_code_knows_is_in_a_table() {
        let unknown = [
            r#"get("serving.knative.dev/brand-new")"#,
            r#"HeaderName::from_static("k-brand-new")"#,
            r#"env = "BRAND_NEW""#,
        ];
        for code in unknown {
            let sources = made_of(&[("crates/gateway/src/proxy.rs", code)]);
            let faults = unlisted_texts(&Page::of(&sources), &sources);
            assert_eq!(faults.len(), 1, "{code}: {faults:?}");
        }
        let known = r#"a("serving.knative.dev/no-gc", "serving.knative.dev/v1", "k-network-probe", "POD_NAME")"#;
        let sources = made_of(&[("crates/gateway/src/proxy.rs", known)]);
        let faults = unlisted_texts(&Page::of(&sources), &sources);
        assert!(faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn keys_beside_the_tables_are_only_prefixes_and_values() {
        let names = workspace::root().join("crates/core/src/names");
        for file in ["annotations.rs", "labels.rs"] {
            let text = std::fs::read_to_string(names.join(file)).unwrap();
            let plain = text.lines().filter(|line| line.starts_with("pub const "));
            for line in plain {
                let value = line.split('"').nth(1).unwrap_or_default();
                assert!(!is_key(value), "{file}: {value} belongs into the table");
            }
        }
    }
}
