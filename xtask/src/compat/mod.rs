//! `cargo xtask compat`: which keys of upstream we know, who of us reads them, and how much of it works.
//!
//! ```text
//! ebb_core::names ───── keys of annotations and labels, headers ──┐
//! ebb_core::config ──── keys of ConfigMaps, off the parsers ──────┤
//! settings, flags ───── what is allowed, how much works ──────────┼─► page ─► docs/compatibility.md
//! variables ─────────── the environment ──────────────────────────┤
//! sources ───────────── who uses it, what it is, off the code ────┘
//! ```
//!
//! How much works is a person's judgement. What a person would get wrong is checked: nothing is missing from the page,
//! and nothing is called done that no code looks at.

mod check;
mod flags;
mod page;
mod settings;
mod sources;
mod variables;

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::workspace;
use page::Page;
use sources::Sources;

/// The page, below the root of the repository.
const PATH: &str = "docs/compatibility.md";

/// Options of `cargo xtask compat`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if the page is not what would be written.
    #[arg(long)]
    check: bool,
}

/// Runs `cargo xtask compat`.
///
/// # Errors
/// When the page would say something that is not so, or, with `check`, is not up to date.
pub(crate) fn run(args: &Args) -> Result<()> {
    let sources = Sources::read(workspace::root())?;
    let page = Page::of(&sources);
    let faults = check::faults(&page, &sources);
    if !faults.is_empty() {
        bail!("the code and the tables differ:\n{}", faults.join("\n"));
    }
    let (path, text) = (workspace::root().join(PATH), page.to_string());
    if fs::read_to_string(&path).is_ok_and(|there| there == text) {
        println!("{PATH} is up to date");
    } else if args.check {
        bail!("{PATH} is not up to date\nrun `cargo xtask compat` and commit the result");
    } else {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("updated {PATH}");
    }
    Ok(())
}
