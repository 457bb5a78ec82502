//! The page: tables of rows, and how they look in Markdown.

use std::collections::BTreeSet;
use std::fmt;

use ebb_core::names::{Known, Status, annotations, headers, labels};

use super::flags::{self, FLAGS};
use super::settings::{MAPS, Map, Setting};
use super::sources::{Sources, has_word, uses_constant};
use super::variables::{GROUPS, Variable};
use crate::manifests;

/// What the page says before the tables.
const INTRODUCTION: &str = "\
# Compatibility

Every annotation, label, header, ConfigMap key, feature flag and environment variable of Knative Serving that Ebb knows.

- **Used by** is found in the code: the programs, `net` (HTTP that activator, queue-proxy, gateway and webhook share),
  `install` (manifests). Nothing is called done that no code uses.
- **done** works as upstream's, **partly** lacks what is said, **not yet** has no effect, **not ours** needs nothing from us.
- Under each title, keys stand without their prefix; older spellings follow in brackets and mean the same. **Default** holds
  where a key is absent; the name of a setting means its value.
- All is about the autoscaler class `kpa`; the class `hpa` is not there yet.
- Made by `cargo xtask compat` from the code; changes go into `crates/core/src/names` and `xtask/src/compat`.
";

/// Domains of keys that get a table of their own.
const DOMAINS: &[&str] = &[
    "serving.knative.dev/",
    "queue.sidecar.serving.knative.dev/",
    "features.knative.dev/",
    "autoscaling.knative.dev/",
    "networking.knative.dev/",
    "networking.internal.knative.dev/",
    "client.knative.dev/",
    "duck.knative.dev/",
];

/// All of the page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) chapters: Vec<Chapter>,
}

/// Keys of one sort.
#[derive(Debug)]
pub(super) struct Chapter {
    title: &'static str,
    pub(super) tables: Vec<Table>,
}

/// Keys that belong together.
#[derive(Debug)]
pub(super) struct Table {
    /// Empty for the only table of a chapter.
    title: String,
    /// Titles of the columns between the key and `Used by`.
    columns: &'static [&'static str],
    pub(super) rows: Vec<Row>,
}

/// One key.
#[derive(Debug)]
pub(super) struct Row {
    /// All spellings in full, the one to write first.
    pub(super) spellings: Vec<&'static str>,
    /// What the table's title says already.
    prefix: String,
    cells: Vec<String>,
    pub(super) used_by: BTreeSet<&'static str>,
    pub(super) status: Status,
}

impl Page {
    pub(super) fn of(sources: &Sources) -> Self {
        let chapters = vec![
            Chapter {
                title: "Annotations",
                tables: by_domain("annotations", annotations::ALL, sources),
            },
            Chapter {
                title: "Labels",
                tables: by_domain("labels", labels::ALL, sources),
            },
            Chapter {
                title: "Headers",
                tables: vec![header_table(sources)],
            },
            Chapter {
                title: "ConfigMaps",
                tables: MAPS.iter().map(|map| settings_of(map, sources)).collect(),
            },
            Chapter {
                title: "Feature flags",
                tables: vec![flag_table(sources)],
            },
            Chapter {
                title: "Environment variables",
                tables: variable_tables(sources),
            },
        ];
        Self { chapters }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        let tables = self.chapters.iter().flat_map(|chapter| &chapter.tables);
        tables.flat_map(|table| &table.rows)
    }
}

// === rows ===

/// A table for each of our domains; what stands in none of them comes last, together.
fn by_domain(module: &str, all: &'static [Known], sources: &Sources) -> Vec<Table> {
    let is_in = |domain: &str, known: &&Known| known.spellings[0].starts_with(domain);
    let table = |title: &str, prefix: &str, known: Vec<&Known>| Table {
        title: title.to_owned(),
        columns: match module {
            "labels" => &["On", "Meaning"],
            _ => &["On", "Meaning", "Default"],
        },
        rows: sorted(known.into_iter().map(|known| Row {
            prefix: prefix.to_owned(),
            ..row(module, known, sources)
        })),
    };
    let mut tables: Vec<Table> = DOMAINS
        .iter()
        .map(|domain| {
            let known = all.iter().filter(|known| is_in(domain, known));
            table(&format!("`{domain}`"), domain, known.collect())
        })
        .filter(|table| !table.rows.is_empty())
        .collect();
    let others = all
        .iter()
        .filter(|known| !DOMAINS.iter().any(|domain| is_in(domain, known)));
    tables.push(table("Others", "", others.collect()));
    tables
}

fn header_table(sources: &Sources) -> Table {
    Table {
        title: String::new(),
        columns: &["Way", "Meaning"],
        rows: sorted(
            headers::ALL
                .iter()
                .map(|known| row("headers", known, sources)),
        ),
    }
}

fn row(module: &str, known: &Known, sources: &Sources) -> Row {
    let mut cells = vec![known.on.to_owned(), known.meaning.trim().to_owned()];
    if module == "annotations" {
        cells.push(known.default.to_owned());
    }
    Row {
        spellings: known.spellings.to_vec(),
        prefix: String::new(),
        cells,
        used_by: sources.parts(|code| is_used(code, module, known)),
        status: known.status,
    }
}

/// By the constant, or, of headers that have a constant elsewhere, by text or name.
fn is_used(code: &str, module: &str, known: &Known) -> bool {
    let key = known.spellings[0];
    let is_text = || key.contains('/') && code.contains(&format!("\"{key}\""));
    let is_header = || {
        module == "headers"
            && (code.contains(&format!("\"{}\"", key.to_ascii_lowercase()))
                || has_word(code, &key.to_ascii_uppercase().replace('-', "_")))
    };
    uses_constant(code, module, known.constant) || is_text() || is_header()
}

fn settings_of(map: &Map, sources: &Sources) -> Table {
    let shown = manifests::example(map.name);
    let row = |setting: &Setting| {
        let field = setting.field.rsplit('.').next().unwrap_or_default();
        let default = match (setting.default, shown.get(setting.spellings[0])) {
            (Some(default), _) => default.to_owned(),
            (None, Some(text)) => as_code(text),
            (None, None) => String::new(),
        };
        let usual = format!(".{}", setting.field);
        let seen_as: Vec<&str> = match setting.seen_as {
            [] => vec![&usual],
            seen_as => seen_as.to_vec(),
        };
        let mut used_by = sources.parts(|code| seen_as.iter().any(|text| has_word(code, text)));
        used_by.remove("settings");
        let comment = sources.comment_on(map.source, field);
        // A family of keys has no field of its own; its values say what it means.
        let (meaning, values) = match comment.as_str() {
            "" => (setting.values, ""),
            comment => (comment, setting.values),
        };
        Row {
            spellings: setting.spellings.to_vec(),
            prefix: String::new(),
            cells: vec![default, meaning.to_owned(), values.to_owned()],
            used_by,
            status: setting.status,
        }
    };
    Table {
        title: format!("`{}`", map.name),
        columns: &["Default", "Meaning", "Values"],
        rows: sorted(map.keys.iter().map(row)),
    }
}

fn flag_table(sources: &Sources) -> Table {
    let shown = manifests::example("config-features");
    let row = |flag: &flags::Flag| {
        let seen_as = [
            format!(".{}", flag.field),
            format!("switch::{}", flag.field),
        ];
        let mut used_by = sources.parts(|code| seen_as.iter().any(|text| has_word(code, text)));
        used_by.remove("settings");
        let default = shown.get(flag.key).map(|text| as_code(text));
        Row {
            spellings: vec![flag.key],
            prefix: String::new(),
            cells: vec![
                default.unwrap_or_default(),
                sources.comment_on(flags::SOURCE, flag.field),
                flag.allowed.to_owned(),
            ],
            used_by,
            status: flag.status,
        }
    };
    Table {
        title: String::new(),
        columns: &["Default", "Permits", "`Allowed` is"],
        rows: sorted(FLAGS.iter().map(row)),
    }
}

fn variable_tables(sources: &Sources) -> Vec<Table> {
    let row = |variable: &Variable| Row {
        spellings: vec![variable.name],
        prefix: String::new(),
        cells: vec![variable.meaning.to_owned(), variable.default.to_owned()],
        used_by: sources.parts(|code| match variable.name.strip_prefix("--") {
            Some(flag) => has_word(code, &flag.replace('-', "_")),
            None => code.contains(&format!("\"{}\"", variable.name)),
        }),
        status: variable.status,
    };
    let table = |group: &super::variables::Group| Table {
        title: group.title.to_owned(),
        columns: &["Meaning", "Default"],
        rows: sorted(group.variables.iter().map(row)),
    };
    GROUPS.iter().map(table).collect()
}

fn sorted(rows: impl Iterator<Item = Row>) -> Vec<Row> {
    let mut rows: Vec<Row> = rows.collect();
    rows.sort_by_key(|row| row.spellings[0].to_lowercase());
    rows
}

/// A value as it is written, on one line.
fn as_code(text: &str) -> String {
    match text.trim() {
        "" => "empty".to_owned(),
        text => format!(
            "`{}`",
            text.lines().map(str::trim).collect::<Vec<_>>().join(", ")
        ),
    }
}

// === Markdown ===

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{INTRODUCTION}")?;
        writeln!(f, "| | keys | done | partly | not yet | not ours |")?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for chapter in &self.chapters {
            chapter.summary(f)?;
        }
        for chapter in &self.chapters {
            write!(f, "\n## {}\n", chapter.title)?;
            for table in &chapter.tables {
                write!(f, "{table}")?;
            }
        }
        Ok(())
    }
}

impl Chapter {
    fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = || self.tables.iter().flat_map(|table| &table.rows);
        let count = |is: fn(&Status) -> bool| rows().filter(|row| is(&row.status)).count();
        writeln!(
            f,
            "| [{}](#{}) | {} | {} | {} | {} | {} |",
            self.title,
            self.title.to_lowercase().replace(' ', "-"),
            rows().count(),
            count(|status| *status == Status::Done),
            count(|status| matches!(status, Status::Partly(_))),
            count(|status| matches!(status, Status::NotYet(_))),
            count(|status| matches!(status, Status::Foreign(_))),
        )
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.title.is_empty() {
            write!(f, "\n### {}\n", self.title)?;
        }
        let columns = [&["Key"], self.columns, &["Used by", "Status"]].concat();
        writeln!(
            f,
            "\n| {} |\n|{}",
            columns.join(" | "),
            "---|".repeat(columns.len())
        )?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |spelling: &&str| {
            format!(
                "`{}`",
                spelling.strip_prefix(&self.prefix).unwrap_or(spelling)
            )
        };
        let (first, older) = self.spellings.split_at(1);
        let mut keys = key(&first[0]);
        if !older.is_empty() {
            let older: Vec<String> = older.iter().map(key).collect();
            keys.push_str(&format!(" ({})", older.join(", ")));
        }
        let parts: Vec<&str> = self.used_by.iter().copied().collect();
        let status = match self.status {
            Status::Done => "done".to_owned(),
            Status::Partly(what) => format!("partly: {what}"),
            Status::NotYet(why) => format!("not yet: {why}"),
            Status::Foreign(why) => format!("not ours: {why}"),
        };
        write!(
            f,
            "| {keys} | {} | {} | {status} |",
            self.cells.join(" | "),
            parts.join(", ")
        )
    }
}
