//! The page of benchmarks: each command owns what stands between two marks of its own.

use anyhow::{Context as _, Result};

use crate::workspace;

/// Puts `table` between the marks of `bench` in `docs/benchmarks.md`.
pub(super) fn write(bench: &str, table: &str) -> Result<()> {
    let path = workspace::root().join("docs/benchmarks.md");
    let old = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let new = between(&old, bench, table)
        .with_context(|| format!("{} lacks the marks of bench {bench}", path.display()))?;
    std::fs::write(&path, new).with_context(|| format!("cannot write {}", path.display()))
}

fn between(old: &str, bench: &str, table: &str) -> Option<String> {
    let mark = format!("<!-- bench {bench} -->");
    let begin = old.find(&mark)? + mark.len();
    let end = begin + old[begin..].find("<!-- end of bench")?;
    Some(format!("{}\n{table}{}", &old[..begin], &old[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = |table: &str| {
            format!("a\n<!-- bench x -->\n{table}\n<!-- end of bench -->\nb\n<!-- bench y -->\n")
        };
        assert_eq!(between(&page("old"), "x", "new\n").unwrap(), page("new"));
        assert_eq!(between("no marks", "x", "new"), None);
    }
}
