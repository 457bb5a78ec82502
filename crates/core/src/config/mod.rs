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

    /// Reads the settings; what is absent keeps its default.
    ///
    /// # Errors
    /// All problems found, in the order in which upstream would look for them.
    fn parse(data: &Data) -> Result<Self, Errors>;
}

/// Says whether a ConfigMap of this name would be accepted; names that are not ours always are.
///
/// # Errors
/// All problems found.
pub fn check(name: &str, data: &Data) -> Result<(), Errors> {
    fn parses<S: Settings>(data: &Data) -> Result<(), Errors> {
        S::parse(data).map(|_| ())
    }
    match name {
        Autoscaler::NAME => parses::<Autoscaler>(data),
        CertManager::NAME => parses::<CertManager>(data),
        Defaults::NAME => parses::<Defaults>(data),
        Deployment::NAME => parses::<Deployment>(data),
        Domain::NAME => parses::<Domain>(data),
        Features::NAME => parses::<Features>(data),
        Gc::NAME => parses::<Gc>(data),
        LeaderElection::NAME => parses::<LeaderElection>(data),
        Logging::NAME => parses::<Logging>(data),
        Network::NAME => parses::<Network>(data),
        Observability::NAME => parses::<Observability>(data),
        _ => Ok(()),
    }
}

/// Whether a ConfigMap of this name holds settings of ours.
#[must_use]
pub fn is_known(name: &str) -> bool {
    const KNOWN: [&str; 11] = [
        Autoscaler::NAME,
        CertManager::NAME,
        Defaults::NAME,
        Deployment::NAME,
        Domain::NAME,
        Features::NAME,
        Gc::NAME,
        LeaderElection::NAME,
        Logging::NAME,
        Network::NAME,
        Observability::NAME,
    ];
    KNOWN.contains(&name)
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
    /// What is wrong and what is allowed, in upstream's words.
    pub message: String,
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

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

#[cfg(test)]
pub(crate) mod test {
    use super::*;

    /// Entries of a ConfigMap.
    pub(crate) fn data<const N: usize>(entries: [(&str, &str); N]) -> Data {
        entries
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }

    /// Checks that the settings are refused with exactly this text.
    #[track_caller]
    pub(crate) fn refuses<S: Settings, const N: usize>(entries: [(&str, &str); N], want: &str) {
        let got = S::parse(&data(entries)).err().map(|e| e.to_string());
        assert_eq!(got.as_deref(), Some(want), "{entries:?}");
    }

    /// Checks that the settings are accepted.
    #[track_caller]
    pub(crate) fn accepts<S: Settings, const N: usize>(entries: [(&str, &str); N]) -> S {
        S::parse(&data(entries)).unwrap_or_else(|e| panic!("{entries:?}: {e}"))
    }

    #[test]
    fn every_problem_is_reported() {
        let errors = Autoscaler::parse(&data([
            ("min-scale", "x"),
            ("activator-capacity", "0"),
            ("max-scale-up-rate", "1"),
        ]))
        .unwrap_err();
        let keys: Vec<_> = errors.problems().iter().map(|p| p.key.as_str()).collect();
        assert_eq!(
            keys,
            ["min-scale", "activator-capacity", "max-scale-up-rate"]
        );
        assert_eq!(errors.problems()[1].value.as_deref(), Some("0"));
    }

    #[test]
    fn names_that_are_not_ours_are_not_checked() {
        assert!(check("config-tracing", &data([("x", "y")])).is_ok());
        assert!(check("config-gc", &data([("min-non-active-revisions", "y")])).is_err());
    }
}
