//! The ConfigMaps that operators edit, as typed settings.
//!
//! Each file holds one ConfigMap: a struct whose `Default` is what an empty ConfigMap means, and a
//! parser that reports every problem at once, each in upstream's words. Unknown keys are ignored,
//! `_example` among them. Nothing here watches or reloads; that is the runtime's.

pub mod autoscaler;
pub mod cert_manager;
pub mod defaults;
pub mod deployment;
pub mod domain;
pub mod example;
pub mod features;
pub mod gc;
pub mod leader_election;
pub mod logging;
pub mod network;
pub mod observability;
mod reader;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use autoscaler::Autoscaler;
pub use cert_manager::CertManager;
pub use defaults::Defaults;
pub use deployment::Deployment;
pub use domain::Domain;
pub use features::Features;
pub use gc::Gc;
pub use leader_election::LeaderElection;
pub use logging::Logging;
pub use network::Network;
pub use observability::Observability;

use crate::go;
use reader::Reader;

/// The contents of a ConfigMap.
pub type Data = BTreeMap<String, String>;

/// Settings that are read from one ConfigMap.
pub trait Settings: Sized + Default {
    /// Name of the ConfigMap, unless the environment overrides it.
    const NAME: &'static str;
    /// What upstream puts before each complaint about a value that does not parse.
    const PREFIX: &'static str = "";

    /// Takes the settings out of a ConfigMap and notes what is wrong in the reader.
    fn read(r: &mut Reader<'_>) -> Self;

    /// Reads the settings; what is absent keeps its default.
    ///
    /// # Errors
    /// All problems found, in the order in which upstream would look for them.
    fn parse(data: &Data) -> Result<Self, Errors> {
        let mut r = Reader::new(data, Self::PREFIX);
        let settings = Self::read(&mut r);
        r.finish(settings)
    }

    /// Every key that has a meaning, old spellings among them; a star stands for any text.
    #[must_use]
    fn keys() -> Vec<String> {
        let none = Data::new();
        let mut r = Reader::new(&none, Self::PREFIX);
        Self::read(&mut r);
        r.asked()
    }
}

/// A ConfigMap of ours, whatever its type.
struct Known {
    name: &'static str,
    check: fn(&Data) -> Result<(), Errors>,
    keys: fn() -> Vec<String>,
}

const KNOWN: [Known; 11] = [
    known::<Autoscaler>(),
    known::<CertManager>(),
    known::<Defaults>(),
    known::<Deployment>(),
    known::<Domain>(),
    known::<Features>(),
    known::<Gc>(),
    known::<LeaderElection>(),
    known::<Logging>(),
    known::<Network>(),
    known::<Observability>(),
];

const fn known<S: Settings>() -> Known {
    Known {
        name: S::NAME,
        check: |data| S::parse(data).map(|_| ()),
        keys: S::keys,
    }
}

/// The name of every ConfigMap of ours, and its keys as [`Settings::keys`] gives them.
pub fn all() -> impl Iterator<Item = (&'static str, Vec<String>)> {
    KNOWN.iter().map(|known| (known.name, (known.keys)()))
}

/// Says whether a ConfigMap of this name would be accepted; names that are not ours always are.
///
/// # Errors
/// All problems found.
pub fn check(name: &str, data: &Data) -> Result<(), Errors> {
    match KNOWN.iter().find(|known| known.name == name) {
        Some(known) => (known.check)(data),
        None => Ok(()),
    }
}

/// Whether a ConfigMap of this name holds settings of ours.
#[must_use]
pub fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|known| known.name == name)
}

/// Reads a time as settings and annotations give it: a Go duration that is not negative.
///
/// # Errors
/// The parser's text.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    Duration::try_from(go::parse_duration(text)?).map_err(|_| "must be non-negative".to_owned())
}

/// One thing that is wrong with a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key at fault; of a rule between keys, the first.
    pub key: String,
    /// The value as it was written; `None` when the default takes part in the conflict.
    pub value: Option<String>,
    /// What is wrong, in upstream's words.
    pub message: String,
    /// The key or what it may be, where upstream's words leave that open.
    pub hint: Option<String>,
}

impl Problem {
    fn hint(&mut self, text: impl Into<String>) {
        self.hint = Some(text.into());
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a ConfigMap; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(Vec<Problem>);

impl Errors {
    /// The problems; upstream would have reported the first.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

/// One line a problem, upstream's first.
impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

#[cfg(test)]
pub(crate) mod test;
