//! Whole plans, as YAML snapshots and tables.

mod build;
mod configuration;
mod domain_mapping;
mod gc;
mod labeler;
mod revision;
mod route;
mod serverless_service;
mod service;
