//! The manifests in `tests/e2e/corpus`, each with every verb of the real kubectl.
//!
//! Nobody acts on what is stored meanwhile: the controller and the autoscaler rest.

use ebb_e2e::corpus::{Outcome, Site, run};

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn what_the_corpus_accepts_is_stored_as_it_says() {
    Site::play(async |site| run(site, Outcome::Accepted).await).await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn what_the_corpus_rejects_is_told_as_it_says() {
    Site::play(async |site| run(site, Outcome::Rejected).await).await;
}
