//! Which fields of a pod users may write.
//!
//! They are described once, in [`tree`]: the CRD generator takes from there which part of Kubernetes'
//! schema is let through, the rules refuse what is not open, and a refusal names the flag that would
//! open the field.

mod tree;

use serde::Serialize;

use crate::admission::{Findings, set_fields};
use crate::config::Features;
use crate::config::features::{Flag, Switch};

pub(crate) use tree::*;

/// A field of a pod or of something in it. A field that is not described is refused, and the API
/// server drops it before admission wherever the schema does not keep unknown ones.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    /// As it is written in JSON.
    pub(crate) name: &'static str,
    /// What the schema says of it.
    pub(crate) kept: Kept,
    /// Who may write it.
    gate: Gate,
    /// The fields of this object, of the items of this list.
    pub(crate) fields: &'static [Field],
    /// It may be absent although Kubernetes requires it, or always writes it.
    pub(crate) is_optional: bool,
    /// What the API server writes where it is absent.
    pub(crate) default: Option<&'static str>,
    /// The list has one item for each value of this field.
    pub(crate) key: Option<&'static str>,
}

/// How much of a field is in the schema.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// All that Kubernetes knows of it.
    All,
    /// That it is an object, or a list of them; what is in it reaches admission whole.
    Open,
    /// The fields that are described.
    Listed,
    /// Nothing: the API server drops it, and admission has nothing against it.
    Dropped,
}

/// Who may write a field.
#[derive(Clone, Copy)]
enum Gate {
    Open,
    /// Nobody, unless a rule makes an exception for some values.
    Closed,
    /// Anybody where the flag is not Disabled.
    Permitted(Switch),
    /// Anybody where the flag is Enabled.
    Enabled(Switch),
}

/// Refuses the fields that are set and not open, by their names in JSON. `also` are open here,
/// whatever is said of them.
pub(super) fn only_open(
    object: &impl Serialize,
    described: &[Field],
    features: &Features,
    also: &[&str],
) -> Findings {
    let mut refused = set_fields(object);
    refused.retain(|name| {
        !also.contains(name) && !field(described, name).is_some_and(|f| f.gate.is_open(features))
    });
    if refused.is_empty() {
        return Findings::none();
    }
    refused.sort_unstable();
    let flags = refused
        .iter()
        .filter_map(|name| field(described, name)?.flag());
    Findings::disallowed(refused.iter().copied()).allowed_by(flags)
}

/// The flag that opens a field.
pub(super) fn switch(described: &[Field], name: &str) -> Option<Switch> {
    field(described, name)?.gate.switch()
}

fn field<'a>(described: &'a [Field], name: &str) -> Option<&'a Field> {
    described.iter().find(|field| field.name == name)
}

// === impl Gate ===

impl Gate {
    fn is_open(self, features: &Features) -> bool {
        match self {
            Self::Open => true,
            Self::Closed => false,
            Self::Permitted(switch) => switch.of(features) != Flag::Disabled,
            Self::Enabled(switch) => switch.of(features) == Flag::Enabled,
        }
    }

    fn switch(self) -> Option<Switch> {
        match self {
            Self::Open | Self::Closed => None,
            Self::Permitted(switch) | Self::Enabled(switch) => Some(switch),
        }
    }
}

// === impl Field ===

/// A field of which the schema keeps all.
pub(crate) const fn all(name: &'static str) -> Field {
    Field {
        name,
        kept: Kept::All,
        gate: Gate::Open,
        fields: &[],
        is_optional: false,
        default: None,
        key: None,
    }
}

/// A field that reaches admission whole.
const fn open(name: &'static str) -> Field {
    Field {
        kept: Kept::Open,
        ..all(name)
    }
}

/// A field of which the schema keeps these fields.
const fn only(name: &'static str, fields: &'static [Field]) -> Field {
    Field {
        kept: Kept::Listed,
        fields,
        ..all(name)
    }
}

/// A field that the schema leaves out.
const fn dropped(name: &'static str) -> Field {
    Field {
        kept: Kept::Dropped,
        ..all(name)
    }
}

impl Field {
    /// The key in `config-features` of the flag that opens the field; `None` when it needs none.
    pub(crate) fn flag(&self) -> Option<&'static str> {
        self.gate.switch().map(|switch| switch.key)
    }

    const fn closed(self) -> Self {
        Self {
            gate: Gate::Closed,
            ..self
        }
    }

    const fn permitted(self, switch: Switch) -> Self {
        Self {
            gate: Gate::Permitted(switch),
            ..self
        }
    }

    const fn enabled(self, switch: Switch) -> Self {
        Self {
            gate: Gate::Enabled(switch),
            ..self
        }
    }

    /// Lets the field be absent.
    pub(crate) const fn optional(self) -> Self {
        Self {
            is_optional: true,
            ..self
        }
    }

    /// Fills the field in when it is absent.
    const fn or(self, default: &'static str) -> Self {
        Self {
            is_optional: true,
            default: Some(default),
            ..self
        }
    }

    /// Allows one item for each value of `key`.
    const fn keyed_by(self, key: &'static str) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }
}
