//! Admission on the real API server: under load, while it is killed, while its certificates and settings change.
//!
//! These tests change what all others rely on, so they need the cluster to themselves.

// The modules are one test program: they share its fixtures, and it is linked once.
#[path = "admission/certificates.rs"]
mod certificates;
#[path = "admission/drift.rs"]
mod drift;
#[path = "admission/dry_run.rs"]
mod dry_run;
#[path = "admission/fixtures.rs"]
mod fixtures;
#[path = "admission/leaving.rs"]
mod leaving;
#[path = "admission/names.rs"]
mod names;
#[path = "admission/outage.rs"]
mod outage;
#[path = "admission/race.rs"]
mod race;
#[path = "admission/reader.rs"]
mod reader;
#[path = "admission/settings.rs"]
mod settings;
