//! What a reconciler will do, as a value.
//!
//! Each module here is one reconciler's `plan`: a plain function from what was seen (`Seen`), the configuration and
//! the time to a value that lists every object to write, every object to delete, the status and the
//! events. It leaves no choices to the program that carries it out, does no I/O, and does not fail on what users
//! wrote: a bad spec becomes a condition. The one kind of failure a plan knows is "try again later, and say why"
//! (`failure`), which the specification asks for where somebody else's object is in the way.
//!
//! ```text
//! cache ──► Seen ─┐
//! config ─────────┼─► plan ──► writes, deletions, status, notes ──► controller carries them out
//! clock  ─────────┘
//! ```

pub mod configuration;
pub mod domain_mapping;
pub mod gc;
pub mod labeler;
pub mod namespace_certificate;
mod networking;
pub mod pass;
pub mod revision;
pub mod route;
pub mod serverless_service;
pub mod service;
#[cfg(test)]
mod tests;

pub use crate::meta;
use serde::Serialize;

/// How an object gets to its wanted state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Write<T> {
    /// It was not there. That it now is deserves an event.
    Create(T),
    /// It is there and differs.
    Update(T),
}

impl<T> Write<T> {
    /// The object as it is wanted.
    pub fn object(&self) -> &T {
        match self {
            Self::Create(object) | Self::Update(object) => object,
        }
    }

    /// Whether the object was not there.
    pub fn is_create(&self) -> bool {
        matches!(self, Self::Create(_))
    }
}

/// A Kubernetes event about the object that is being reconciled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    pub kind: NoteKind,
    pub reason: &'static str,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum NoteKind {
    Normal,
    Warning,
}

impl Note {
    /// Something went as it should.
    pub fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: NoteKind::Normal,
            reason,
            message: message.into(),
        }
    }

    /// Something went wrong.
    pub fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: NoteKind::Warning,
            reason,
            message: message.into(),
        }
    }
}
