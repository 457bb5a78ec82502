//! The corpus: manifests as users write them, and what the API server has to make of each.
//!
//! ```text
//! files ── Set of Cases ─┬─ accepted: every verb, the stored object compared whole
//!                        └─ rejected: every verb, the message compared whole, nothing stored
//! Kubectl ── the real one      Site ── a namespace, no controllers, settings in force
//! ```
//!
//! `tests/e2e/corpus/README.md` describes the files. Whatever differs is kept in a [`Report`] until the end, so that
//! one run shows all of it.

mod accepted;
#[cfg(test)]
mod alone;
mod compare;
mod files;
mod kubectl;
mod rejected;
mod report;
mod settings;
mod site;

use anyhow::{Result, ensure};

pub use files::{Outcome, load};
pub use report::Report;
pub use site::Site;

/// Plays every case that must have `outcome`, and fails with all differences at once.
///
/// # Errors
/// If a case came out otherwise than its files say, or the cluster does not do as it is told.
pub async fn run(site: &Site, outcome: Outcome) -> Result<()> {
    let mut report = Report::default();
    for set in load(outcome)? {
        site.prepare(&set).await?;
        match outcome {
            Outcome::Accepted => accepted::play(site, &set, &mut report).await?,
            Outcome::Rejected => rejected::play(site, &set, &mut report).await?,
        }
        site.clear(&set).await?;
    }
    eprintln!("{}", report.summary());
    ensure!(report.is_clean(), "{report}");
    Ok(())
}
