//! What is wrong with an object, and how that reads.
//!
//! Rules report paths relative to what they look at; callers put their own part in front with
//! [`Findings::under`]. The text is upstream's, which users' scripts and tests look for: findings
//! with the same words are merged, paths sorted, and all of it in a fixed order.

use std::collections::BTreeSet;
use std::fmt;

use crate::go;

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
pub struct Findings(Vec<Finding>);

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
        Self(vec![Finding {
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
        for finding in &mut self.0 {
            finding.details.clone_from(&details);
        }
        self
    }

    /// Turns refusals into warnings.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        for finding in &mut self.0 {
            finding.level = Level::Warning;
        }
        self
    }

    /// Puts a path in front of each finding's. A finding without a place stays without.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        for path in self.0.iter_mut().flat_map(|finding| &mut finding.paths) {
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
        self.0.extend(others.0);
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Parts refusals from warnings.
    #[must_use]
    pub fn part(self) -> (Self, Self) {
        let (errors, warnings) = self
            .0
            .into_iter()
            .partition(|finding| finding.level == Level::Error);
        (Self(errors), Self(warnings))
    }

    /// The findings in the order and with the merging in which they are shown.
    #[must_use]
    pub fn merged(&self) -> Vec<Finding> {
        let mut merged: Vec<(Finding, BTreeSet<String>)> = Vec::new();
        for finding in &self.0 {
            let Finding {
                message,
                details,
                level,
                paths,
            } = finding;
            let same = |(other, _): &&mut (Finding, _)| {
                other.message == *message && other.details == *details && other.level == *level
            };
            match merged.iter_mut().find(same) {
                Some((_, all)) => all.extend(paths.iter().cloned()),
                None => merged.push((finding.clone(), paths.iter().cloned().collect())),
            }
        }
        merged.sort_by(|(a, _), (b, _)| {
            (&a.message, &a.details, a.level).cmp(&(&b.message, &b.details, b.level))
        });
        merged
            .into_iter()
            .map(|(finding, paths)| Finding {
                paths: paths.into_iter().collect(),
                ..finding
            })
            .collect()
    }
}

impl FromIterator<Self> for Findings {
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        Self(parts.into_iter().flat_map(|part| part.0).collect())
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
