//! Names of containers and volumes in a revision's pods.

/// The sidecar; users may not take this name.
pub const QUEUE_PROXY: &str = "queue-proxy";
/// Serving container of a user who did not name it.
pub const USER: &str = "user-container";
/// Init container of a user who did not name it.
pub const INIT: &str = "init-container";
