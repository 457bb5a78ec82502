//! What is wrong with an object, and how that reads.
//!
//! Rules report paths relative to what they look at; callers put their own part in front with
//! [`Findings::under`]. The text is upstream's, which users' scripts and tests look for: findings
//! with the same words are merged, paths sorted, and all of it in a fixed order. After it come the
//! flags that would have allowed what was refused, one a line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::config::{Features, Settings as _};
use crate::go;

/// So many refusals are told, and so many warnings: an object can be made to deserve any number, and
/// nobody reads more.
const MOST: usize = 1000;
/// A path that is longer, in bytes, gets nothing more in front. Some rules put a place in front of all
/// that was found before, so a path can be made to grow with every element of a list.
const LONG_PATH: usize = 1024;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The request is refused.
    #[default]
    Error,
    /// The user is told.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub message: String,
    /// More about it, on lines of their own; may be empty.
    pub details: String,
    /// How bad it is.
    pub level: Level,
    /// Where it is; empty when it has no place.
    pub paths: Vec<String>,
}

/// All that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    all: Vec<Finding>,
    /// Keys of `config-features` that would make a refusal go away.
    keys: BTreeSet<&'static str>,
}

impl Findings {
    /// Nothing is wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A finding in words of its own.
    pub fn new<P: Into<String>>(
        message: impl Into<String>,
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        Self::from(vec![Finding {
            message: message.into(),
            details: String::new(),
            level: Level::Error,
            paths: paths.into_iter().map(Into::into).collect(),
        }])
    }

    /// A finding without a place.
    pub fn placeless(message: impl Into<String>) -> Self {
        Self::new::<String>(message, [])
    }

    /// Required fields are absent.
    pub fn missing<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self::new("missing field(s)", paths)
    }

    /// Fields are set that may not be.
    pub fn disallowed<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self::new("must not set the field(s)", paths)
    }

    /// A value that is no good.
    pub fn invalid_value(value: impl fmt::Display, path: impl Into<String>) -> Self {
        Self::new(format!("invalid value: {value}"), [path])
    }

    /// A number beyond its bounds.
    pub fn out_of_bounds(
        value: impl fmt::Display,
        low: impl fmt::Display,
        high: impl fmt::Display,
        path: impl Into<String>,
    ) -> Self {
        Self::new(format!("expected {low} <= {value} <= {high}"), [path])
    }

    /// None of several fields is set.
    pub fn neither<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self::new("expected exactly one, got neither", paths)
    }

    /// More than one of several fields is set.
    pub fn both<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self::new("expected exactly one, got both", paths)
    }

    /// A key that is no good.
    pub fn invalid_key(key: &str, path: impl Into<String>) -> Self {
        Self::new(format!("invalid key name {}", go::quote(key)), [path])
    }

    /// Adds lines to each finding.
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Self {
        let details = details.into();
        for finding in &mut self.all {
            finding.details.clone_from(&details);
        }
        self
    }

    /// Tells the user that these keys of `config-features`, set to Enabled, would allow it.
    #[must_use]
    pub fn allowed_by(mut self, keys: impl IntoIterator<Item = &'static str>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// Turns refusals into warnings.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        for finding in &mut self.all {
            finding.level = Level::Warning;
        }
        self.keys.clear();
        self
    }

    /// Puts a path in front of each finding's. A finding without a place stays without.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        let paths = self.all.iter_mut().flat_map(|finding| &mut finding.paths);
        for path in paths.filter(|path| path.len() <= LONG_PATH) {
            *path = join(prefix, path);
        }
        self
    }

    /// As [`Findings::under`], for an element of a list.
    #[must_use]
    pub fn under_index(self, list: &str, index: usize) -> Self {
        self.under(&format!("{list}[{index}]"))
    }

    /// As [`Findings::under`], for a key of a map that stands in brackets.
    #[must_use]
    pub fn under_key(self, key: &str) -> Self {
        self.under(&format!("[{key}]"))
    }

    /// Adds what others found.
    pub fn also(&mut self, others: Self) {
        self.keys.extend(others.keys);
        if self.all.len() + others.all.len() <= MOST {
            self.all.extend(others.all);
            return;
        }
        // Each level for itself: no number of warnings may hide a refusal.
        for finding in others.all {
            let held = self.all.iter().filter(|held| held.level == finding.level);
            if held.count() < MOST {
                self.all.push(finding);
            }
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Parts refusals from warnings.
    #[must_use]
    pub fn part(self) -> (Self, Self) {
        let (errors, warnings): (Vec<_>, Vec<_>) = self
            .all
            .into_iter()
            .partition(|finding| finding.level == Level::Error);
        let errors = Self {
            all: errors,
            keys: self.keys,
        };
        (errors, Self::from(warnings))
    }

    /// The findings in the order and with the merging in which they are shown.
    #[must_use]
    pub fn merged(&self) -> Vec<Finding> {
        let mut merged: BTreeMap<(&str, &str, Level), BTreeSet<&str>> = BTreeMap::new();
        for finding in &self.all {
            let words = (
                finding.message.as_str(),
                finding.details.as_str(),
                finding.level,
            );
            let paths = finding.paths.iter().map(String::as_str);
            merged.entry(words).or_default().extend(paths);
        }
        merged
            .into_iter()
            .map(|((message, details, level), paths)| Finding {
                message: message.to_owned(),
                details: details.to_owned(),
                level,
                paths: paths.into_iter().map(str::to_owned).collect(),
            })
            .collect()
    }
}

impl FromIterator<Self> for Findings {
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        let mut findings = Self::none();
        for part in parts {
            findings.also(part);
        }
        findings
    }
}

impl From<Vec<Finding>> for Findings {
    fn from(all: Vec<Finding>) -> Self {
        Self {
            all,
            keys: BTreeSet::new(),
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (
            i,
            Finding {
                message,
                details,
                paths,
                ..
            },
        ) in self.merged().iter().enumerate()
        {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{message}: {}", paths.join(", "))?;
            if !details.is_empty() {
                write!(f, "\n{details}")?;
            }
        }
        for key in &self.keys {
            write!(
                f,
                "\nto allow this, set {key} to \"enabled\" in ConfigMap {}",
                Features::NAME
            )?;
        }
        Ok(())
    }
}

/// Joins two paths with a dot; an index attaches directly, and empty segments vanish.
fn join(prefix: &str, path: &str) -> String {
    let mut joined = String::with_capacity(prefix.len() + path.len() + 1);
    for segment in prefix
        .split('.')
        .chain(path.split('.'))
        .filter(|segment| !segment.is_empty())
    {
        let is_index = segment.starts_with('[') && segment.ends_with(']');
        if !joined.is_empty() && !is_index {
            joined.push('.');
        }
        joined.push_str(segment);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_built_from_the_inside() {
        let paths = |findings: Findings| findings.merged()[0].paths.join(", ");
        assert_eq!(
            paths(
                Findings::missing(["image"])
                    .under_index("containers", 0)
                    .under("spec")
            ),
            "spec.containers[0].image"
        );
        assert_eq!(
            paths(Findings::missing([""]).under_index("containers", 0)),
            "containers[0]"
        );
        assert_eq!(
            paths(Findings::missing(["[0]"]).under("a").under("b")),
            "b.a[0]"
        );
        assert_eq!(
            paths(
                Findings::missing([""])
                    .under_key("queue.sidecar.serving.knative.dev/cpu")
                    .under("annotations")
            ),
            "annotations.[queue.sidecar.serving.knative.dev/cpu]"
        );
        assert_eq!(paths(Findings::placeless("x").under("a")), "");
    }

    #[test]
    fn no_object_is_told_more_than_it_can_read() {
        let mut all: Findings = (0..3 * MOST)
            .map(|n| Findings::placeless(n.to_string()).as_warning())
            .collect();
        all.also(Findings::missing(["a"]));
        let (errors, warnings) = all.part();
        assert_eq!(errors.to_string(), "missing field(s): a");
        assert_eq!(warnings.merged().len(), MOST);

        let mut deep = Findings::missing(["a"]);
        for n in 0..3 * MOST {
            deep = deep.under_index("list", n);
        }
        assert!(deep.to_string().len() < 2 * LONG_PATH);
    }

    #[test]
    fn equal_words_are_merged_and_all_is_sorted() {
        let mut all = Findings::missing(["b"]);
        all.also(Findings::new("a message", ["z"]));
        all.also(Findings::missing(["a", "b"]));
        all.also(Findings::missing(["c"]).details("more"));
        all.also(Findings::placeless("zeta"));
        assert_eq!(
            all.to_string(),
            "a message: z\nmissing field(s): a, b\nmissing field(s): c\nmore\nzeta: "
        );
    }

    #[test]
    fn flags_that_would_help_come_last_each_once() {
        let mut all = Findings::missing(["z"]).allowed_by(["b", "a"]);
        all.also(Findings::placeless("off").allowed_by(["b"]).under("spec"));
        all.also(Findings::missing(["w"]).allowed_by(["c"]).as_warning());
        let (errors, warnings) = all.part();
        assert_eq!(
            errors.to_string(),
            "missing field(s): z\noff: \n\
             to allow this, set a to \"enabled\" in ConfigMap config-features\n\
             to allow this, set b to \"enabled\" in ConfigMap config-features"
        );
        assert_eq!(warnings.to_string(), "missing field(s): w");
    }

    #[test]
    fn warnings_do_not_refuse() {
        let mut all = Findings::missing(["b"]);
        all.also(Findings::missing(["a"]).as_warning());
        let (errors, warnings) = all.part();
        assert_eq!(
            (errors.to_string().as_str(), warnings.to_string().as_str()),
            ("missing field(s): b", "missing field(s): a")
        );
    }
}
