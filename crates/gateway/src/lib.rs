//! The gateway: takes requests from the world and the cluster and forwards them to pods, as Ingress objects say.
//!
//! ```text
//! Ingress, Service, EndpointSlice, Secret ──► programmer ──► routing table, backends ──► proxy ◄── requests
//!                                                 │
//!                                              ledger ── every replica tells what it serves
//!                                                 │
//!                                   status (one replica): Ready when all of them serve it
//! ```
//!
//! It does not decide where traffic should go, it does not time requests out, and it does not repeat what a backend
//! may have seen.

pub mod backend;
pub mod certificates;
pub mod class;
pub mod directory;
pub mod ledger;
pub mod listeners;
pub mod metrics;
pub mod objects;
pub mod programmer;
pub mod proxy;
pub mod replicas;
pub mod run;
pub mod settings;
pub mod status;
