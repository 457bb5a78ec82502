//! What differs, until the end.

use std::fmt;

use super::files::{Case, Verb};

/// Everything that came out otherwise than expected, one block a case.
#[derive(Debug, Default)]
pub struct Report {
    checks: usize,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    case: String,
    verb: &'static str,
    lines: Vec<String>,
}

impl Report {
    /// Notes what one verb on one case came to: lines of a diff, none if all is well.
    pub(crate) fn note(&mut self, case: &Case, verb: Verb, lines: Vec<String>) {
        self.checks += 1;
        if !lines.is_empty() {
            self.blocks.push(Block {
                case: case.name.clone(),
                verb: verb.word(),
                lines,
            });
        }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.blocks.is_empty()
    }

    /// How much was looked at, and how much of it differs.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{} checks, {} differ", self.checks, self.blocks.len())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blocks: Vec<_> = self.blocks.iter().collect();
        // Verbs that differ in the same way are told once.
        blocks.sort_by(|a, b| (&a.case, &a.lines).cmp(&(&b.case, &b.lines)));
        writeln!(f, "{} (- expected, + found)", self.summary())?;
        for same in blocks.chunk_by(|a, b| a.case == b.case && a.lines == b.lines) {
            let verbs: Vec<_> = same.iter().map(|block| block.verb).collect();
            writeln!(f, "\n{} ({})", same[0].case, verbs.join(", "))?;
            for line in &same[0].lines {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}
