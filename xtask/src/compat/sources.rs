//! Our own code, without its tests, as text: who mentions what, and what is documented how.
//!
//! A mention is not a proof that something works. It is a proof that somebody would notice, and its absence proves that
//! nobody does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Which part of the system a directory or file belongs to; the longest match counts. Decisions lie in `core`, each
/// part of it for one program.
const PARTS: &[(&str, &str)] = &[
    ("crates/activator/src/", "activator"),
    ("crates/autoscaler/src/", "autoscaler"),
    ("crates/controller/src/", "controller"),
    ("crates/core/src/admission/", "webhook"),
    ("crates/core/src/api/", "webhook"),
    ("crates/core/src/config/", "settings"),
    ("crates/core/src/config/domain.rs", "controller"),
    ("crates/core/src/config/example.rs", "webhook"),
    ("crates/core/src/crd/", "install"),
    ("crates/core/src/meta.rs", "controller"),
    ("crates/core/src/plan/", "controller"),
    ("crates/core/src/routing/", "gateway"),
    ("crates/core/src/scale/", "autoscaler"),
    ("crates/core/src/throttle/", "activator"),
    ("crates/core/src/traffic/", "controller"),
    ("crates/gateway/src/", "gateway"),
    ("crates/net/src/", "net"),
    ("crates/queue-proxy/src/", "queue-proxy"),
    ("crates/runtime/src/logging.rs", "all"),
    ("crates/webhook/src/", "webhook"),
    ("xtask/src/manifests/", "install"),
];

/// Where the constants are written down, which is no use of them.
const NAMES: &str = "crates/core/src/names/";

/// Source files.
#[derive(Debug, Default)]
pub(super) struct Sources {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    /// Below the root of the repository.
    path: String,
    /// All of it.
    text: String,
    /// Without comments and without tests.
    code: String,
}

impl Sources {
    /// All programs, their libraries and the manifests.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut paths = Vec::new();
        collect(&root.join("crates"), &mut paths)?;
        collect(&root.join("xtask/src/manifests"), &mut paths)?;
        paths.sort();
        let mut sources = Self::default();
        for path in paths {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let path = path.strip_prefix(root).unwrap_or(&path);
            sources.add(&path.display().to_string(), text);
        }
        Ok(sources)
    }

    fn add(&mut self, path: &str, text: String) {
        let is_source = path.contains("/src/") && !path.starts_with(NAMES);
        if is_source && !is_test(path) {
            let (path, code) = (path.to_owned(), code_of(&text));
            self.files.push(File { path, text, code });
        }
    }

    /// The parts with a file whose code satisfies `uses`.
    pub(super) fn parts(&self, uses: impl Fn(&str) -> bool) -> BTreeSet<&'static str> {
        let used = self.files.iter().filter(|file| uses(&file.code));
        used.filter_map(|file| part(&file.path)).collect()
    }

    /// Text literals on one line, and where they stand.
    pub(super) fn literals(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.files.iter().flat_map(|file| {
            let lines = file.code.lines();
            lines.map(|line| (file.path.as_str(), line))
        });
        lines.flat_map(|(path, line)| {
            let between_quotes = line.split('"').skip(1).step_by(2);
            between_quotes.map(move |literal| (path, literal))
        })
    }

    /// What the code says about a field: the comment above its declaration in `path`.
    pub(super) fn comment_on(&self, path: &str, field: &str) -> String {
        let Some(file) = self.files.iter().find(|file| file.path == path) else {
            return String::new();
        };
        let declarations = [format!("pub {field}:"), format!("{field} = \"")];
        let mut comment: Vec<&str> = Vec::new();
        for line in file.text.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("///") {
                comment.push(words.trim());
            } else if declarations.iter().any(|start| line.starts_with(start)) {
                return for_users(&comment.join(" "));
            } else {
                comment.clear();
            }
        }
        String::new()
    }
}

/// A comment without what only matters to Rust.
fn for_users(comment: &str) -> String {
    match comment.split_once("; `None`") {
        Some((before, _)) => format!("{before}."),
        None => comment.to_owned(),
    }
}

/// Whether `code` uses the constant of one of the modules of `names`: by a path, an alias or a list of imports.
pub(super) fn uses_constant(code: &str, module: &str, constant: &str) -> bool {
    if !code.contains(constant) || !code.contains(module) {
        return false;
    }
    let alias = code
        .split_once(&format!("{module} as "))
        .and_then(|(_, rest)| rest.split(';').next());
    let mut paths = std::iter::once(module).chain(alias);
    let list = format!("{module}::{{");
    let mut lists = code
        .split(&list)
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    paths.any(|path| has_word(code, &format!("{path}::{constant}")))
        || lists.any(|list| has_word(list, constant))
}

/// Whether `word` stands in `code` and is not a part of a longer word.
pub(super) fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let begins = !word.starts_with(is_part) || !before.is_some_and(is_part);
        let ends = !word.ends_with(is_part) || !after.is_some_and(is_part);
        begins && ends
    })
}

fn part(path: &str) -> Option<&'static str> {
    let matching = PARTS.iter().filter(|(start, _)| path.starts_with(start));
    matching
        .max_by_key(|(start, _)| start.len())
        .map(|(_, part)| *part)
}

fn is_test(path: &str) -> bool {
    let name = path.trim_end_matches(".rs");
    ["/test/", "/tests/"]
        .iter()
        .any(|place| path.contains(place))
        || ["tests", "test_util", "testing"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Comments go, and all from the module of tests on: by custom it comes last.
fn code_of(text: &str) -> String {
    let lines = text.lines().zip(text.lines().skip(1).chain([""]));
    let code = lines.take_while(|(line, next)| {
        let is_module = next.starts_with("mod ") && next.contains('{');
        *line != "#[cfg(test)]" || !is_module
    });
    code.map(|(line, _)| line)
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read {}", directory.display()))?
            .path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) fn made_of(files: &[(&str, &str)]) -> Sources {
    let mut sources = Sources::default();
    for (path, text) in files {
        sources.add(path, (*text).to_owned());
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_comments_and_the_constants_themselves_are_no_use() {
        let sources = made_of(&[
            ("crates/core/src/names/labels.rs", "labels::APP"),
            ("crates/core/src/plan/tests/pod.rs", "labels::APP"),
            ("crates/gateway/src/proxy.rs", "// labels::APP"),
            (
                "crates/webhook/src/lib.rs",
                "a();\n#[cfg(test)]\nmod tests {\n labels::APP }",
            ),
            (
                "crates/core/src/plan/pod.rs",
                "#[cfg(test)]\nmod tests;\nf(labels::APP)",
            ),
        ]);
        let parts = sources.parts(|code| uses_constant(code, "labels", "APP"));
        assert_eq!(Vec::from_iter(parts), ["controller"]);
    }

    #[test]
    fn constants_are_found_under_every_sort_of_import() {
        for code in [
            "use names::labels; f(labels::APP)",
            "use names::labels::{APP, ROUTE}; f(APP)",
            "use names::labels::APP; f(APP)",
            "use names::labels as keys; f(keys::APP)",
        ] {
            assert!(uses_constant(code, "labels", "APP"), "{code}");
        }
        for code in [
            "headers::APP",
            "labels::APPLE",
            "use names::labels::{ROUTE}; APP",
        ] {
            assert!(!uses_constant(code, "labels", "APP"), "{code}");
        }
    }

    #[test]
    fn a_field_is_described_by_the_comment_above_it() {
        let path = "crates/core/src/config/gc.rs";
        let text = "/// Not\n/// this.\npub a: u8,\n/// The one\n/// meant.\npub b: u8,\n/// Any; `None` for none.\npub d: u8,\npub c: u8,";
        let sources = made_of(&[(path, text)]);
        assert_eq!(sources.comment_on(path, "b"), "The one meant.");
        assert_eq!(sources.comment_on(path, "d"), "Any.");
        assert_eq!(sources.comment_on(path, "c"), "");
    }

    #[test]
    fn the_longest_match_names_the_part() {
        assert_eq!(part("crates/core/src/config/domain.rs"), Some("controller"));
        assert_eq!(part("crates/core/src/config/gc.rs"), Some("settings"));
        assert_eq!(part("crates/core/src/quantity.rs"), None);
    }
}
